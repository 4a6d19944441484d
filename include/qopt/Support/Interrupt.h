//===- Interrupt.h - stopping work without a signal -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_INTERRUPT_H
#define QOPT_SUPPORT_INTERRUPT_H

namespace qopt {

/// Makes interrupted() true, as a signal does where catchInterrupts() was
/// called, or false again. Of the whole process.
void setInterrupted(bool value);

} // namespace qopt

#endif // QOPT_SUPPORT_INTERRUPT_H
