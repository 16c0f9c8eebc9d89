package meimage

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	"me-images.example/meimage/meimagev1"
)

// connectPatiently makes a client of an address that waits for so long for a connection that was lost.
func connectPatiently(t *testing.T, address string, patience time.Duration) *Client {
	t.Helper()
	client, err := Connect(address, StaticToken("the-token"), WithPlaintext(), func(c *choices) { c.pace.patience = patience })
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// untilItRemembers calls a server that is away: first the connection is lost, then it cannot be made.
func untilItRemembers(t *testing.T, client *Client) {
	t.Helper()
	for range 5 {
		refusedAs(t, callOnce(client, setMutation), codes.Unavailable, "")
		if client.conn.GetState() == connectivity.TransientFailure {
			return
		}
	}
	t.Fatal("it did not try to connect")
}

func TestACallFindsAServerThatIsBack(t *testing.T) {
	var calls record[string]
	address, stop := serveAt(t, "127.0.0.1:0", failing(&calls), nil)
	client := connectPatiently(t, address, 20*time.Second)
	must(t, callOnce(client, setMutation))
	stop()
	untilItRemembers(t, client)
	serveAt(t, address, failing(&calls), nil)
	must(t, callOnce(client, setMutation))
}

func TestAStreamFindsAServerThatIsBack(t *testing.T) {
	var tokens record[string]
	served := telling(&tokens, connection{[]*meimagev1.WatchMeImagesResponse{happened("a", "one")}, nil})
	address, stop := serveAt(t, "127.0.0.1:0", served, nil)
	client := connectPatiently(t, address, 20*time.Second)
	stop()
	untilItRemembers(t, client)
	serveAt(t, address, served, nil)
	stream, err := client.Pool.WatchMeImages(t.Context(), &meimagev1.WatchMeImagesRequest{})
	must(t, err)
	_, err = stream.Recv()
	must(t, err)
}

func TestWhoeverWaitsForAServerThatStaysAwayHearsSo(t *testing.T) {
	patience := 300 * time.Millisecond
	address, stop := serveAt(t, "127.0.0.1:0", &pool{}, nil)
	client := connectPatiently(t, address, patience)
	stop()
	untilItRemembers(t, client)
	began := time.Now()
	refusedAs(t, callOnce(client, setMutation), codes.Unavailable, "")
	if waited := time.Since(began); waited < patience {
		t.Errorf("waited for %v", waited)
	}
}
