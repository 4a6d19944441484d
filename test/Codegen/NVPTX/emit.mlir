// RUN: qopt %s --emit=mlirbc | qopt | FileCheck %s
// RUN: qopt %s --emit=mlir | FileCheck %s
// RUN: echo old > %t.ptx
// RUN: not qopt %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=OLD < %t.ptx

// A failure leaves the file as it was.
// OLD: old

// CHECK: func.func private @f()
func.func private @f()
