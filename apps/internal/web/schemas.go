package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemas says what the schemas of a description mean.
type schemas struct{ api *huma.OpenAPI }

const maxDepth = 6 // of examples and of fields in fields: a schema may contain itself

// resolve follows a reference. It returns an empty schema rather than nil.
func (s *schemas) resolve(schema *huma.Schema) *huma.Schema {
	if schema != nil && schema.Ref != "" && s.api.Components != nil && s.api.Components.Schemas != nil {
		schema = s.api.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if schema == nil {
		return &huma.Schema{}
	}
	return schema
}

// name says what kind of value it is: "integer", "list of Point".
func (s *schemas) name(schema *huma.Schema) string {
	switch {
	case schema == nil:
		return "anything"
	case schema.Ref != "":
		return schema.Ref[strings.LastIndexByte(schema.Ref, '/')+1:]
	case schema.Type == huma.TypeArray:
		return "list of " + s.name(schema.Items)
	case schema.Type == "":
		return "anything"
	case schema.Format == "date-time":
		return "time"
	}
	return schema.Type
}

// rules says in words what values are allowed.
func rules(schema *huma.Schema) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if len(schema.Enum) > 0 {
		var values []string
		for _, value := range schema.Enum {
			values = append(values, fmt.Sprint(value))
		}
		add("one of %s", strings.Join(values, ", "))
	}
	switch low, high := schema.Minimum, schema.Maximum; {
	case low != nil && high != nil:
		add("from %v to %v", *low, *high)
	case low != nil && *low != 0: // 0 is what every unsigned number has
		add("at least %v", *low)
	case high != nil:
		add("at most %v", *high)
	}
	switch low, high := schema.MinLength, schema.MaxLength; {
	case low != nil && high != nil:
		add("%d to %d characters", *low, *high)
	case low != nil:
		add("at least %d characters", *low)
	case high != nil:
		add("at most %d characters", *high)
	}
	switch low, high := schema.MinItems, schema.MaxItems; {
	case low != nil && high != nil:
		add("%d to %d items", *low, *high)
	case low != nil:
		add("at least %d items", *low)
	case high != nil:
		add("at most %d items", *high)
	}
	if schema.Pattern != "" {
		add("like %s", schema.Pattern)
	}
	if schema.Default != nil {
		add("%v if missing", schema.Default)
	}
	return strings.Join(parts, "; ")
}

// cmpText returns a description, from the schema if there is no other.
func cmpText(text string, schema *huma.Schema) string {
	if text == "" {
		return schema.Description
	}
	return text
}

// fields lists the fields of an object, and those of objects in it with their path.
func (s *schemas) fields(prefix string, schema *huma.Schema, above []*huma.Schema) []apiField {
	object := s.resolve(schema)
	for object.Type == huma.TypeArray && object.Items != nil {
		prefix = strings.TrimSuffix(prefix, ".") + "[]."
		object = s.resolve(object.Items)
	}
	if slices.Contains(above, object) || len(above) >= maxDepth {
		return nil
	}
	above = append(slices.Clone(above), object)
	var result []apiField
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		if name == "$schema" {
			continue
		}
		property := object.Properties[name]
		resolved := s.resolve(property)
		about := property.Description
		if about == "" && property.Ref == "" {
			about = resolved.Description
		}
		result = append(result, apiField{
			Name: prefix + name, Type: s.name(property), Required: slices.Contains(object.Required, name),
			About: about, Rules: rules(resolved),
		})
		result = append(result, s.fields(prefix+name+".", property, above)...)
	}
	return result
}

// unknown stands in examples for what only the caller can know.
const unknown = "…"

// example makes up a value that a schema allows. Where it does not say what one is
// like, there is [unknown].
func (s *schemas) example(schema *huma.Schema, depth int) any {
	if schema != nil && len(schema.Examples) > 0 {
		return schema.Examples[0]
	}
	schema = s.resolve(schema)
	switch {
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Default != nil:
		return schema.Default
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case depth > maxDepth:
		return nil
	}
	for _, choices := range [][]*huma.Schema{schema.OneOf, schema.AnyOf, schema.AllOf} {
		if len(choices) > 0 {
			return s.example(choices[0], depth+1)
		}
	}
	switch schema.Type {
	case huma.TypeBoolean:
		return false
	case huma.TypeInteger, huma.TypeNumber:
		if schema.Minimum != nil {
			return max(*schema.Minimum, 1)
		}
		return 1
	case huma.TypeString:
		switch schema.Format {
		case "date-time":
			return "2026-01-31T12:00:00Z"
		case "uri", "uri-reference":
			return "urn:example"
		}
		return unknown
	case huma.TypeArray:
		return []any{s.example(schema.Items, depth+1)}
	case huma.TypeObject:
		object := make(map[string]any)
		for name, property := range schema.Properties {
			if name != "$schema" {
				object[name] = s.example(property, depth+1)
			}
		}
		return object
	}
	return unknown
}
