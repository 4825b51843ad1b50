package browsertest

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets"
)

// A price that drops with the time drops on open pages, though nothing happens.
func testPriceDrops(t *testing.T, b *browser) {
	world := newTicketsWorld(t, aether.MachineClock{})
	id := world.create("Harbour Lights", 10, "door")
	var p tickets.PoolDocument
	world.ask(http.StatusOK, "GET", "/api/tickets/pools/"+id, "", &p)
	hours := int(math.Round(time.Until(p.EventDate).Hours()))
	var d tickets.CommandDocument
	world.ask(http.StatusOK, "PUT", "/api/tickets/pools/"+id+"/pricing", fmt.Sprintf(`{"base":5000,"drop":%d,"before":%d}`, hours*3600, hours), &d) // a cent each second, from now on
	world.ask(http.StatusOK, "GET", fmt.Sprintf("/api/tickets/pools/%s?after=%d", id, d.Position), "", &p)

	ann, promoter := b.open(t, "ann"), b.open(t, "promoter")
	const price = `Number(document.querySelector(%q).textContent.match(/%s€([\d.]+)/)[1])`
	for page, expression := range map[*window]string{
		ann: fmt.Sprintf(price, ".price-line", ""), promoter: fmt.Sprintf(price, "#figures", "Price now[^€]*"),
	} {
		if page == ann {
			world.watch(ann, "/tickets/"+id)
		} else {
			world.promote(promoter, id)
		}
		var first float64
		page.eval(expression, &first)
		page.wait(fmt.Sprintf("%s < %v", expression, first))
		page.wait(fmt.Sprintf("%s < %v", expression, first-0.015)) // and again
	}
}
