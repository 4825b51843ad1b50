package readdb

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// copier returns a function that copies values of a type with everything that they
// refer to. It goes by the types, some ten times as fast as JSON; where their fields
// do not say all, as with interfaces and types that hide their fields, it takes the
// way through JSON, as a commit does. It panics where a value is not all in its JSON.
func copier[D any]() func(D) (D, error) {
	t := reflect.TypeFor[D]()
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		panic(fmt.Sprintf("readdb: a document is a %v; make it the value itself", t))
	}
	fix, err := make(copyPlan).of(t)
	switch {
	case errors.Is(err, errOpaque):
		return func(d D) (copied D, err error) {
			b, err := json.Marshal(d)
			if err == nil {
				err = json.Unmarshal(b, &copied)
			}
			return copied, err
		}
	case err != nil:
		panic(fmt.Sprintf("readdb: a document is a %v: %v", t, err))
	case fix == nil:
		return func(d D) (D, error) { return d, nil }
	}
	return func(d D) (D, error) {
		fix(reflect.ValueOf(&d).Elem())
		return d, nil
	}
}

var errOpaque = errors.New("fields do not say all")

// copyPlan has for each type what makes a plain copy a deep one: it replaces what
// the value refers to by copies. It is nil where there is nothing to replace.
type copyPlan map[reflect.Type]*func(reflect.Value)

func (p copyPlan) of(t reflect.Type) (func(reflect.Value), error) {
	if known := p[t]; known != nil {
		// A type within itself: by the time of the copy it is there.
		return func(v reflect.Value) {
			if *known != nil {
				(*known)(v)
			}
		}, nil
	}
	fix := new(func(reflect.Value))
	p[t] = fix
	defer delete(p, t)
	var err error
	*fix, err = p.make(t)
	return *fix, err
}

func (p copyPlan) make(t reflect.Type) (func(reflect.Value), error) {
	switch t.Kind() {
	case reflect.Interface:
		return nil, errOpaque
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128, reflect.Uintptr:
		return nil, fmt.Errorf("%v has no JSON", t)
	case reflect.Struct:
		return p.makeStruct(t)
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
	default:
		return nil, nil
	}
	fix, err := p.of(t.Elem())
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case reflect.Pointer:
		return func(v reflect.Value) {
			if !v.IsNil() {
				copied := reflect.New(t.Elem())
				copied.Elem().Set(v.Elem())
				if fix != nil {
					fix(copied.Elem())
				}
				v.Set(copied)
			}
		}, nil

	case reflect.Slice:
		return func(v reflect.Value) {
			if !v.IsNil() {
				copied := reflect.MakeSlice(t, v.Len(), v.Len())
				reflect.Copy(copied, v)
				v.Set(copied)
				fixAll(v, fix)
			}
		}, nil

	case reflect.Array:
		if fix == nil {
			return nil, nil
		}
		return func(v reflect.Value) { fixAll(v, fix) }, nil
	}
	if k := t.Key().Kind(); k == reflect.Struct || k == reflect.Pointer || k == reflect.Interface {
		return nil, errOpaque
	}
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		copied := reflect.MakeMapWithSize(t, v.Len())
		key, elem := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for i := v.MapRange(); i.Next(); {
			key.SetIterKey(i)
			elem.SetIterValue(i)
			if fix != nil {
				fix(elem)
			}
			copied.SetMapIndex(key, elem)
		}
		v.Set(copied)
	}, nil
}

func fixAll(v reflect.Value, fix func(reflect.Value)) {
	if fix != nil {
		for i := range v.Len() {
			fix(v.Index(i))
		}
	}
}

func (p copyPlan) makeStruct(t reflect.Type) (func(reflect.Value), error) {
	if t == reflect.TypeFor[time.Time]() {
		return nil, nil // it never changes
	}
	marshals := implements[json.Marshaler](t) || implements[encoding.TextMarshaler](t)
	type part struct {
		field int
		fix   func(reflect.Value)
	}
	var parts []part
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() && !(field.Anonymous && field.Type.Kind() == reflect.Struct) || field.Tag.Get("json") == "-" {
			if marshals {
				return nil, errOpaque
			}
			return nil, fmt.Errorf("encoding/json leaves out the field %s of %v", field.Name, t)
		}
		fix, err := p.of(field.Type)
		if err != nil {
			return nil, err
		}
		if fix != nil {
			parts = append(parts, part{i, fix})
		}
	}
	if parts == nil {
		return nil, nil
	}
	return func(v reflect.Value) {
		for _, part := range parts {
			part.fix(v.Field(part.field))
		}
	}, nil
}

func implements[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}
