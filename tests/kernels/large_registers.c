/*
 * Copyright (c) 2026, fleetlab.linux contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plays a CPU whose vector registers take 16,384 bytes, for programs that it is preloaded into: as a kernel on such a CPU does, it
 * reports that size, and refuses to write registers back from anything shorter.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define XSTATE ((void *)0x202)
#define PLAYED_SIZE 16384

typedef long ptrace_function(enum __ptrace_request request, ...);

static size_t real_size;

static long read_registers(ptrace_function *next, pid_t pid, struct iovec *given) {
  size_t room = given->iov_len;
  long result = next(PTRACE_GETREGSET, pid, XSTATE, given);

  if (result == 0 && room > given->iov_len) {
    real_size = given->iov_len;
    given->iov_len = room < PLAYED_SIZE ? room : PLAYED_SIZE;
    memset((char *)given->iov_base + real_size, 0, given->iov_len - real_size);
  }
  return result;
}

static long write_registers(ptrace_function *next, pid_t pid, const struct iovec *given) {
  struct iovec whole = {given->iov_base, real_size};

  if (given->iov_len < PLAYED_SIZE) {
    errno = EFAULT;
    return -1;
  }
  return next(PTRACE_SETREGSET, pid, XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_function *next;
  va_list arguments;
  pid_t pid;
  void *address, *data;

  va_start(arguments, request);
  pid = va_arg(arguments, pid_t);
  address = va_arg(arguments, void *);
  data = va_arg(arguments, void *);
  va_end(arguments);
  if (!next)
    next = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
  if (request == PTRACE_GETREGSET && address == XSTATE)
    return read_registers(next, pid, data);
  if (request == PTRACE_SETREGSET && address == XSTATE)
    return write_registers(next, pid, data);
  return next(request, pid, address, data);
}
