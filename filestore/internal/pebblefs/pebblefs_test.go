package pebblefs

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failing is a file system whose next writes fail, the first half done.
type failing struct {
	vfs.FS
	errs atomic.Pointer[[]error]
}

type failingFile struct {
	vfs.File
	fs *failing
}

func newFailing(errs ...error) *failing {
	f := &failing{FS: vfs.NewMem()}
	f.errs.Store(&errs)
	return f
}

func (f *failing) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return failingFile{file, f}, err
}

func (f failingFile) Write(b []byte) (int, error) {
	errs := *f.fs.errs.Load()
	if len(errs) == 0 {
		return f.File.Write(b)
	}
	rest := errs[1:]
	f.fs.errs.Store(&rest)
	n, err := f.File.Write(b[:len(b)/2])
	return n, errors.Join(errs[0], err)
}

var errBroken = errors.New("the disk is broken")

// A write that meets a full disk goes on where it was, once there is space; any other
// failure, and waiting that is given up, is the last thing that happens.
func TestWrite(t *testing.T) {
	full := error(syscall.ENOSPC)
	for name, test := range map[string]struct {
		errs    []error
		patient bool
		waits   []bool // what waiting for space comes to
		want    error
	}{
		"all is well":              {nil, false, nil, nil},
		"full":                     {[]error{full}, false, nil, full},
		"full, and then not":       {[]error{full, syscall.EDQUOT}, true, []bool{true, true}, nil},
		"full, until it is enough": {[]error{full, full}, true, []bool{true, false}, full},
		"broken":                   {[]error{errBroken}, true, nil, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			disk, waits, told := newFailing(test.errs...), 0, 0
			var p *FS
			p = New(disk, &Options{
				WaitForSpace: func() bool {
					if !p.Waiting() {
						t.Error("it does not say that it waits")
					}
					waits++
					return test.waits[waits-1]
				},
				Notify: func() { told++ },
			})
			if test.patient {
				p.BePatient()
			}
			f, err := p.Create("file", vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second finds what the first left
				err := p.Guard(func() error { _, err := f.Write([]byte("12345678")); return err })
				if !errors.Is(err, test.want) || !errors.Is(p.Err(), test.want) {
					t.Errorf("%v, and the failure is %v; want %v", err, p.Err(), test.want)
				}
			}
			failures := 0
			if test.want != nil {
				failures = 1
			}
			if waits != len(test.waits) || told != waits+failures || p.Waiting() {
				t.Errorf("it waited %d times and told %d times", waits, told)
			}
			if test.want != nil {
				return
			}
			back, err := p.Open("file")
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(back); err != nil || string(data) != "1234567812345678" {
				t.Errorf("the file has %q, %v", data, err)
			}
		})
	}
}

// Without a way to wait there is no patience, and what Pebble panics with is an error.
func TestGuard(t *testing.T) {
	var told []error
	p := New(newFailing(syscall.ENOSPC), &Options{Damaged: func(err error) { told = append(told, err) }})
	p.BePatient()
	if p.Patient() {
		t.Error("it is patient for nothing")
	}
	if err := p.Guard(func() error { panic(errBroken) }); err == nil || err.Error() != errBroken.Error() || p.Err() != nil {
		t.Errorf("a panic is %v, and the failure %v", err, p.Err())
	}
	if p.Damage() != nil {
		t.Error("there is damage")
	}
	p.NoteDamage(errBroken)
	p.NoteDamage(io.EOF)
	if p.Damage() != errBroken || len(told) != 1 || told[0] != errBroken {
		t.Errorf("the damage is %v, and it told of %v; want the first", p.Damage(), told)
	}
}
