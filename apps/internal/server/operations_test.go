package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/aether-es/aether/apps/internal/server"
)

// Only skipping needs the sequence of the event, and without it nothing can be skipped.
func TestSteeringDescribed(t *testing.T) {
	url, _, _, _ := start(t, server.Config{})
	_, _, body := get(t, http.DefaultClient, "GET", url+"/openapi.json")
	var description struct {
		Paths map[string]struct {
			Post struct {
				Parameters []struct {
					Name     string `json:"name"`
					Required bool   `json:"required"`
				} `json:"parameters"`
			} `json:"post"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &description); err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{"retry": "[{name true}]", "rebuild": "[{name true}]", "skip": "[{name true} {sequence true}]"} {
		if got := fmt.Sprint(description.Paths["/api/projections/{name}/"+verb].Post.Parameters); got != want {
			t.Errorf("%s takes %s, want %s", verb, got, want)
		}
	}
	if status, _, _ := get(t, http.DefaultClient, "POST", url+"/api/projections/demo/skip"); status != http.StatusUnprocessableEntity {
		t.Errorf("skip without a sequence: %d", status)
	}
}
