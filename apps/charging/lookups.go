package charging

import (
	"context"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/readdb"
)

// What deciding about stations needs to know of the read model, which may be a moment old.

// runningTransactions returns the transactions of an id tag that run.
func (c *Charging) runningTransactions(tag string) ([]string, error) {
	v, err := c.projector.Space().View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	within := readdb.Under(readdb.Tuple(facetOf(ofRunning + registry.TagKey(tag))))
	var keys []string
	for t, err := range transactions.All(v, &readdb.ListOptions{Index: byFacet, Range: within}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, t.Key)
	}
	return keys, nil
}

// knowsTransaction says whether the read model has a transaction.
func (c *Charging) knowsTransaction(key string) (bool, error) {
	v, err := c.projector.Space().View()
	if err != nil {
		return false, err
	}
	defer v.Close()
	_, found, err := transactions.Get(v, key)
	return found, err
}

// maxListed is how many id tags a local list may have: a message has an end.
const maxListed = 5000

// listedTags returns id tags for a local list, in the order of their keys: those that are
// named, or all.
func (c *Charging) listedTags(ctx context.Context, only []string) ([]registry.Tag, error) {
	var tags []registry.Tag
	if only != nil {
		for _, text := range only {
			tag, err := c.tag(ctx, text)
			if err != nil {
				return nil, err
			}
			if tag == nil {
				return nil, aether.Refuse(registry.NoIDTag, "there is no id tag %q", text)
			}
			tags = append(tags, *tag)
		}
		slices.SortFunc(tags, func(a, b registry.Tag) int {
			return strings.Compare(registry.TagKey(a.IDTag), registry.TagKey(b.IDTag))
		})
		return tags, nil
	}
	if c.projector == nil {
		return nil, aether.Refuse(registry.NoIDTag, "this node has no read model: name the id tags")
	}
	if err := c.projector.Ready(); err != nil {
		return nil, err
	}
	v, err := c.projector.Space().View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for t, err := range idTags.All(v, nil) {
		if err != nil {
			return nil, err
		}
		if tags = append(tags, t.Tag); len(tags) > maxListed {
			return nil, aether.Refuse(registry.BadIDTag, "there are more than %d id tags: name those that this station needs", maxListed)
		}
	}
	return tags, nil
}
