package filestore

import "github.com/cockroachdb/pebble/v2/vfs"

// noSyncFS is a file system for a store that need not survive a loss of power: what
// is written is left to the kernel.
type noSyncFS struct{ vfs.FS }

type noSyncFile struct{ vfs.File }

func (noSyncFile) Sync() error                { return nil }
func (noSyncFile) SyncData() error            { return nil }
func (noSyncFile) SyncTo(int64) (bool, error) { return true, nil }

func noSync(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return noSyncFile{file}, nil
}

func (f noSyncFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return noSync(f.FS.Create(name, category))
}

func (f noSyncFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return noSync(f.FS.OpenReadWrite(name, category, options...))
}

func (f noSyncFS) OpenDir(name string) (vfs.File, error) { return noSync(f.FS.OpenDir(name)) }

func (f noSyncFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return noSync(f.FS.ReuseForWrite(oldname, newname, category))
}

// onDisk says whether a file system is that of the machine.
func onDisk(fsys vfs.FS) bool {
	if n, ok := fsys.(noSyncFS); ok {
		fsys = n.FS
	}
	return fsys == vfs.Default
}
