package meimage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"me-images.example/meimage/meimagev1"
)

const (
	ledgerRule     = "meimage/ledger/1"
	ledgerPageSize = 200
)

// FirstHash is the previous_hash of a ledger's first entry, and the head of an empty ledger.
const FirstHash = "0000000000000000000000000000000000000000000000000000000000000000"

// A Ledger is what a verified chain came to. Keep the head hash: a ledger that later still holds an entry with this sequence
// and hash has lost and changed nothing since.
type Ledger struct {
	// Entries is how many there are; the newest has this sequence.
	Entries int
	// HeadHash is the hash of the newest entry; FirstHash where there is none.
	HeadHash string
}

// LedgerBroken tells where a ledger does not hold together.
type LedgerBroken struct {
	// Sequence is that of the first entry that is not what it must be, or is missing.
	Sequence int
	// Problem says what is wrong with it.
	Problem string
}

// Error names the entry and what is wrong with it.
func (b *LedgerBroken) Error() string {
	return fmt.Sprintf("meimage: the ledger is broken at entry %d: %s", b.Sequence, b.Problem)
}

// VerifyLedger reads a person's whole ledger and recomputes its chain by the rule of the contract's LedgerEntry. It fails with
// *LedgerBroken where the chain does not hold.
func (c *Client) VerifyLedger(ctx context.Context, userID string) (Ledger, error) {
	request := &meimagev1.ListLedgerEntriesRequest{UserId: userID, PageSize: ledgerPageSize}
	var entries []*meimagev1.LedgerEntry
	for {
		page, err := c.Pool.ListLedgerEntries(ctx, request)
		if err != nil {
			return Ledger{}, err
		}
		entries = append(entries, page.GetEntries()...)
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return VerifyLedgerEntries(userID, entries)
		}
	}
}

// VerifyLedgerEntries recomputes the chain of all entries of a person's ledger, in any order. It fails with *LedgerBroken where
// the chain does not hold: an entry is missing, twice there, changed, or another person's.
func VerifyLedgerEntries(userID string, entries []*meimagev1.LedgerEntry) (Ledger, error) {
	inOrder := slices.SortedStableFunc(slices.Values(entries), func(a, b *meimagev1.LedgerEntry) int {
		return int(a.GetSequence()) - int(b.GetSequence())
	})
	verified := Ledger{HeadHash: FirstHash}
	for _, entry := range inOrder {
		sequence := verified.Entries + 1
		if problem := verified.problem(userID, sequence, entry); problem != "" {
			return Ledger{}, &LedgerBroken{Sequence: sequence, Problem: problem}
		}
		verified = Ledger{Entries: sequence, HeadHash: entry.GetHash()}
	}
	return verified, nil
}

// problem says what keeps an entry from following; nothing where it does.
func (l Ledger) problem(userID string, sequence int, entry *meimagev1.LedgerEntry) string {
	switch {
	case int(entry.GetSequence()) > sequence:
		return "it is missing"
	case int(entry.GetSequence()) < sequence:
		return "an entry before it is not the only one of its sequence"
	case entry.GetUserId() != userID:
		return "it is another person's"
	case entry.GetPreviousHash() != l.HeadHash:
		return "it does not follow the entry before it"
	case (entry.GetRelease() != nil) != (entry.GetKind() == meimagev1.LedgerKind_LEDGER_KIND_REFERENCES_RELEASED):
		return "its kind does not fit what it holds"
	case !isKnown(entry):
		return "its kind or a rendition of it is not one that this version of the client knows"
	case entry.GetTime().GetNanos()%1000 != 0:
		return "its time is not in whole microseconds"
	case entry.GetHash() != LedgerHash(entry):
		return "its hash is not that of what it says"
	default:
		return ""
	}
}

func isKnown(entry *meimagev1.LedgerEntry) bool {
	_, known := meimagev1.LedgerKind_name[int32(entry.GetKind())]
	for _, image := range entry.GetRelease().GetImages() {
		_, rendition := meimagev1.Rendition_name[int32(image.GetRendition())]
		known = known && rendition
	}
	return known
}

// LedgerHash computes the hash of an entry by version 1 of the rule, which the contract's LedgerEntry states, whatever hash it
// has: 64 lower-case hexadecimal digits. It is empty where previous_hash is not hexadecimal.
func LedgerHash(entry *meimagev1.LedgerEntry) string {
	previous, err := hex.DecodeString(entry.GetPreviousHash())
	if err != nil {
		return ""
	}
	parts := []string{
		ledgerRule,
		string(previous),
		entry.GetUserId(),
		strconv.FormatInt(int64(entry.GetSequence()), 10),
		strings.TrimPrefix(entry.GetKind().String(), "LEDGER_KIND_"),
		strconv.FormatInt(entry.GetTime().AsTime().UnixMicro(), 10),
		entry.GetCaller(),
		entry.GetMeImageId(),
	}
	if entry.GetKind() == meimagev1.LedgerKind_LEDGER_KIND_REFERENCES_RELEASED {
		release := entry.GetRelease()
		parts = append(parts, release.GetReleaseId(), release.GetGenerator(), release.GetPurpose())
		for _, image := range release.GetImages() {
			parts = append(parts, image.GetMeImageId(), renditionName(image.GetRendition()), image.GetSha256())
		}
	}
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		digest.Write([]byte(part))
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// renditionName is the name that objects have, for example "png-1024".
func renditionName(rendition meimagev1.Rendition) string {
	name := strings.TrimPrefix(rendition.String(), "RENDITION_")
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}
