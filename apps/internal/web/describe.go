package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The description of the API, as its page shows it.
type (
	apiDescription struct {
		Title, Version, About string
		Groups                []apiGroup
	}
	apiGroup struct {
		Name, About string
		Operations  []apiOperation
	}
	apiOperation struct {
		ID, Method, Path, Summary, About string
		Deprecated                       bool
		Parameters                       []apiField
		Body                             *apiBody
		Responses                        []apiResponse
		Curl                             string
	}
	apiResponse struct {
		Statuses []apiStatus // several, where errors are told in the same way
		Body     *apiBody
	}
	apiStatus struct{ Code, About string }
	apiBody   struct {
		ContentType string
		Type        string
		Fields      []apiField
		Example     string
	}
	apiField struct {
		Name, In, Type string
		Required       bool
		About, Rules   string
	}
)

// describe prepares a description for the page: the operations of the systems, which
// are tagged with their names, and behind them the others. The server is the one of
// the examples, "http://localhost:8080".
func describe(api *huma.OpenAPI, server string, systems []System) apiDescription {
	d := apiDescription{}
	if api.Info != nil {
		d.Title, d.Version, d.About = api.Info.Title, api.Info.Version, api.Info.Description
	}
	title, about := make(map[string]string), make(map[string]string)
	var order []string
	for _, system := range systems {
		title[system.Name], about[system.Name] = system.Title, system.About
		order = append(order, system.Name)
	}
	for _, tag := range api.Tags {
		about[tag.Name] = cmp.Or(tag.Description, about[tag.Name])
		if !slices.Contains(order, tag.Name) {
			order = append(order, tag.Name)
		}
	}
	schemas := &schemas{api}
	groups := make(map[string][]apiOperation)
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		item := api.Paths[path]
		for _, o := range []struct {
			method    string
			operation *huma.Operation
		}{
			{http.MethodGet, item.Get}, {http.MethodHead, item.Head}, {http.MethodPost, item.Post},
			{http.MethodPut, item.Put}, {http.MethodPatch, item.Patch}, {http.MethodDelete, item.Delete},
			{http.MethodOptions, item.Options}, {http.MethodTrace, item.Trace},
		} {
			if o.operation == nil || o.operation.Hidden {
				continue
			}
			tag := "Other"
			if len(o.operation.Tags) > 0 {
				tag = o.operation.Tags[0]
			}
			if !slices.Contains(order, tag) {
				order = append(order, tag)
			}
			parameters := slices.Concat(item.Parameters, o.operation.Parameters)
			groups[tag] = append(groups[tag], schemas.operation(o.method, path, server, o.operation, parameters))
		}
	}
	for _, tag := range order {
		if len(groups[tag]) > 0 {
			d.Groups = append(d.Groups, apiGroup{Name: cmp.Or(title[tag], capital(tag)), About: about[tag], Operations: groups[tag]})
		}
	}
	return d
}

func (s *schemas) operation(method, path, server string, o *huma.Operation, parameters []*huma.Param) apiOperation {
	result := apiOperation{
		ID: o.OperationID, Method: method, Path: path, Summary: o.Summary, About: o.Description, Deprecated: o.Deprecated,
	}
	if result.ID == "" {
		result.ID = strings.Trim(strings.Map(func(r rune) rune {
			if strings.ContainsRune("/{}", r) {
				return '-'
			}
			return r
		}, strings.ToLower(method)+path), "-")
	}
	url := path
	var query []string
	for _, p := range parameters {
		schema := s.resolve(p.Schema)
		result.Parameters = append(result.Parameters, apiField{
			Name: p.Name, In: p.In, Required: p.Required, Type: s.name(p.Schema), Rules: rules(schema), About: cmpText(p.Description, schema),
		})
		value := fmt.Sprint(s.example(p.Schema, 0))
		if p.Example != nil {
			value = fmt.Sprint(p.Example)
		} else if value == unknown {
			value = strings.ToUpper(p.Name) // to be replaced
		}
		switch {
		case p.In == "path":
			url = strings.ReplaceAll(url, "{"+p.Name+"}", value)
		case p.In == "query" && p.Required:
			query = append(query, p.Name+"="+value)
		}
	}
	slices.SortStableFunc(result.Parameters, func(a, b apiField) int {
		return strings.Index(ins, a.In) - strings.Index(ins, b.In)
	})
	if len(query) > 0 {
		url += "?" + strings.Join(query, "&")
	}
	curl := []string{"curl " + quote(server+url)}
	if method != http.MethodGet {
		curl = []string{"curl -X " + method + " " + quote(server+url)}
	}
	if o.RequestBody != nil {
		result.Body = s.body(o.RequestBody.Content)
		if result.Body != nil {
			curl = append(curl, "-H "+quote("Content-Type: "+result.Body.ContentType), "-d "+quote(compact(result.Body.Example)))
		}
	}
	result.Curl = strings.Join(curl, " \\\n  ")
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		response := o.Responses[status]
		result.respond(apiStatus{status, response.Description}, s.body(response.Content))
	}
	return result
}

// respond adds a response: to the one before it, if both are errors of the same kind.
func (o *apiOperation) respond(status apiStatus, body *apiBody) {
	if n := len(o.Responses); n > 0 && body != nil {
		last := &o.Responses[n-1]
		if last.Body != nil && last.Statuses[0].kind() != "good" && status.kind() != "good" && last.Body.Type == body.Type && body.Type != "object" {
			last.Statuses = append(last.Statuses, status)
			return
		}
	}
	o.Responses = append(o.Responses, apiResponse{Statuses: []apiStatus{status}, Body: body})
}

// ins are the places of parameters, in the order in which they are shown.
const ins = "path query header cookie"

// body returns what is said of a body, nil when nothing is.
func (s *schemas) body(content map[string]*huma.MediaType) *apiBody {
	types := slices.Sorted(maps.Keys(content))
	if len(types) == 0 {
		return nil
	}
	contentType := types[0]
	media := content[contentType]
	if media.Schema == nil {
		return &apiBody{ContentType: contentType}
	}
	example := s.example(media.Schema, 0)
	if media.Example != nil {
		example = media.Example
	}
	if names := slices.Sorted(maps.Keys(media.Examples)); len(names) > 0 {
		example = media.Examples[names[0]].Value
	}
	text, err := json.MarshalIndent(example, "", "  ")
	if err != nil {
		text = nil
	}
	return &apiBody{ContentType: contentType, Type: s.name(media.Schema), Fields: s.fields("", media.Schema, nil), Example: string(text)}
}

// compact puts JSON on one line.
func compact(text string) string {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	short, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return string(short)
}

// quote quotes for a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
