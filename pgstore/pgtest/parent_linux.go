package pgtest

import "syscall"

// dieWithParent has a server end with the tests, however these end.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
