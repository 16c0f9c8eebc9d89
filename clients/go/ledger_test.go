package meimage

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"me-images.example/meimage/meimagev1"
)

// vector is a ledger that the service computed; tests/sdk/ledger_vector.py of the repository writes it.
type vector struct {
	userID, headHash string
	newestFirst      []*meimagev1.LedgerEntry
}

func readVector(t *testing.T) vector {
	t.Helper()
	text, err := os.ReadFile("testdata/ledger.json")
	must(t, err)
	var raw struct {
		UserID   string `json:"user_id"`
		HeadHash string `json:"head_hash"`
		Entries  []json.RawMessage
	}
	must(t, json.Unmarshal(text, &raw))
	made := vector{userID: raw.UserID, headHash: raw.HeadHash}
	for _, each := range raw.Entries {
		entry := &meimagev1.LedgerEntry{}
		must(t, protojson.Unmarshal(each, entry))
		made.newestFirst = append(made.newestFirst, entry)
	}
	return made
}

func (v vector) entry(sequence int) *meimagev1.LedgerEntry {
	return v.newestFirst[len(v.newestFirst)-sequence]
}

func TestTheServicesLedgerHolds(t *testing.T) {
	given := readVector(t)
	for name, entries := range map[string][]*meimagev1.LedgerEntry{
		"newest first": given.newestFirst,
		"oldest first": slices.Collect(func(yield func(*meimagev1.LedgerEntry) bool) {
			for _, entry := range slices.Backward(given.newestFirst) {
				if !yield(entry) {
					return
				}
			}
		}),
	} {
		ledger, err := VerifyLedgerEntries(given.userID, entries)
		must(t, err)
		same(t, name, ledger, Ledger{Entries: len(given.newestFirst), HeadHash: given.headHash})
	}
	ledger, err := VerifyLedgerEntries(given.userID, nil)
	must(t, err)
	same(t, "an empty one", ledger, Ledger{Entries: 0, HeadHash: FirstHash})
}

func brokenAt(t *testing.T, err error) int {
	t.Helper()
	var broken *LedgerBroken
	if !errors.As(err, &broken) {
		t.Fatalf("%v is no *LedgerBroken", err)
	}
	return broken.Sequence
}

func TestEveryChangeIsFound(t *testing.T) {
	release := func(v vector) *meimagev1.ReleaseRecord { return v.entry(4).GetRelease() }
	for name, c := range map[string]struct {
		change func(v vector)
		at     int
	}{
		"caller":            {func(v vector) { v.entry(2).Caller += "x" }, 2},
		"kind":              {func(v vector) { v.entry(2).Kind = meimagev1.LedgerKind_LEDGER_KIND_REFERENCES_RESUMED }, 2},
		"an unknown kind":   {func(v vector) { v.entry(2).Kind = 99 }, 2},
		"time":              {func(v vector) { v.entry(3).Time.Seconds++ }, 3},
		"nanoseconds":       {func(v vector) { v.entry(3).Time.Nanos++ }, 3},
		"no time":           {func(v vector) { v.entry(3).Time = nil }, 3},
		"me_image_id":       {func(v vector) { v.entry(1).MeImageId = "" }, 1},
		"user":              {func(v vector) { v.entry(5).UserId = "mallory" }, 5},
		"sequence":          {func(v vector) { v.entry(6).Sequence = 7 }, 6},
		"twice":             {func(v vector) { v.entry(6).Sequence = 5 }, 5},
		"hash":              {func(v vector) { v.entry(1).Hash = FirstHash }, 1},
		"previous_hash":     {func(v vector) { v.entry(4).PreviousHash = FirstHash }, 4},
		"no hexadecimal":    {func(v vector) { v.entry(1).PreviousHash, v.entry(1).Hash = "?", "" }, 1},
		"generator":         {func(v vector) { release(v).Generator += "x" }, 4},
		"purpose":           {func(v vector) { release(v).Purpose = "Harmless" }, 4},
		"release_id":        {func(v vector) { release(v).ReleaseId = "" }, 4},
		"an image less":     {func(v vector) { release(v).Images = release(v).GetImages()[1:] }, 4},
		"order of images":   {func(v vector) { slices.Reverse(release(v).GetImages()) }, 4},
		"rendition":         {func(v vector) { release(v).GetImages()[0].Rendition = meimagev1.Rendition_RENDITION_PNG_1024 }, 4},
		"unknown rendition": {func(v vector) { release(v).GetImages()[0].Rendition = 99 }, 4},
		"digest":            {func(v vector) { release(v).GetImages()[0].Sha256 = FirstHash }, 4},
		"no release":        {func(v vector) { v.entry(5).Release = nil }, 5},
		// Without this nothing would cover what a consent seems to release.
		"a release too many": {func(v vector) { v.entry(1).Release = &meimagev1.ReleaseRecord{} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			changed := readVector(t)
			c.change(changed)
			_, err := VerifyLedgerEntries(changed.userID, changed.newestFirst)
			same(t, "broken at", brokenAt(t, err), c.at)
		})
	}
}

func TestEveryMissingEntryIsFoundButTheNewest(t *testing.T) {
	for sequence := 1; sequence < len(readVector(t).newestFirst); sequence++ {
		given := readVector(t)
		place := len(given.newestFirst) - sequence
		_, err := VerifyLedgerEntries(given.userID, slices.Delete(given.newestFirst, place, place+1))
		same(t, "broken at", brokenAt(t, err), sequence)
	}
}

func TestALedgerIsReadPageByPage(t *testing.T) {
	given := readVector(t)
	served := &pool{entries: func(
		_ context.Context, r *meimagev1.ListLedgerEntriesRequest,
	) (*meimagev1.ListLedgerEntriesResponse, error) {
		same(t, "user", r.GetUserId(), given.userID)
		start, _ := strconv.Atoi(r.GetPageToken())
		page := &meimagev1.ListLedgerEntriesResponse{Entries: given.newestFirst[start : start+2]}
		if start+2 < len(given.newestFirst) {
			page.NextPageToken = strconv.Itoa(start + 2)
		}
		return page, nil
	}}
	client, _ := connect(t, served, nil)
	ledger, err := client.VerifyLedger(t.Context(), given.userID)
	must(t, err)
	same(t, "ledger", ledger, Ledger{Entries: 6, HeadHash: given.headHash})

	given.newestFirst[1] = proto.CloneOf(given.newestFirst[1])
	given.newestFirst[1].Caller = "mallory"
	_, err = client.VerifyLedger(t.Context(), given.userID)
	same(t, "broken at", brokenAt(t, err), 5)
}
