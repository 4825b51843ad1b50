package live_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aether-es/aether/live"
	"github.com/coder/websocket"
)

// The query side: a hub that reads documents, and is told of changes. A page: one
// WebSocket for all of its topics.
func Example() {
	ctx := context.Background()
	documents := map[string]live.Document{"grid/mars": {Position: 123, Data: []byte(`{"rovers":["spirit"]}`)}}

	hub := live.New(func(_ context.Context, topic string) (live.Document, error) {
		document, ok := documents[topic]
		if !ok {
			return live.Document{}, live.ErrNoTopic
		}
		return document, nil
	}, nil)
	defer hub.Close()
	server := httptest.NewServer(hub)
	defer server.Close()

	page, _, err := websocket.Dial(ctx, server.URL+"/live", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer page.CloseNow()
	for _, request := range []string{`{"subscribe":"grid/venus"}`, `{"subscribe":"grid/mars"}`} {
		if err := page.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
			fmt.Println(err)
			return
		}
	}
	for n := range 3 {
		_, message, err := page.Read(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(message))
		if n == 1 { // once the page has the document, something happens
			hub.Publish(live.Change{Topic: "grid/mars", Position: 124, Data: []byte(`{"landed":"opportunity"}`)})
		}
	}
	// Output:
	// {"topic":"grid/venus","error":"unknown topic"}
	// {"topic":"grid/mars","position":123,"document":{"rovers":["spirit"]}}
	// {"topic":"grid/mars","position":124,"change":{"landed":"opportunity"}}
}
