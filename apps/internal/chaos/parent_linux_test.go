package chaos

import "syscall"

// dieWithParent has a process end with the tests, however these end.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
