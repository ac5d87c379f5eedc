/*
 * Copyright (c) 2026, fleetlab.linux contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lets User-mode Linux before 7 run on CPUs with AMX, preloaded into it.
 *
 * Such a kernel writes back the vector registers of a process from a buffer of 2,696 bytes: x87, SSE, AVX, AVX-512 and PKRU. The host
 * takes nothing shorter than all the CPU has, which with AMX are 11,008 bytes, and answers EFAULT. This pads the buffer with zeros to the
 * size that the host itself reports for that process. Nothing is lost: what is padded is the state of AMX, which programs in guests
 * never have, because they would have to ask the guest's kernel for it, and that does not know it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define XSTATE ((void *)0x202) /* NT_X86_XSTATE of elf.h */

static unsigned char padded[65536];

typedef long ptrace_function(enum __ptrace_request request, ...);

/* The size of the state that the host keeps for a process, and that it wants back. */
static size_t host_size(ptrace_function *next, pid_t pid) {
  struct iovec all = {padded, sizeof padded};
  int error = errno;

  if (next(PTRACE_GETREGSET, pid, XSTATE, &all) != 0) {
    errno = error;
    return 0;
  }
  return all.iov_len;
}

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_function *next;
  static size_t size;
  va_list arguments;
  struct iovec *given;
  pid_t pid;
  void *address, *data;

  va_start(arguments, request);
  pid = va_arg(arguments, pid_t);
  address = va_arg(arguments, void *);
  data = va_arg(arguments, void *);
  va_end(arguments);
  if (!next)
    next = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
  if (request != PTRACE_SETREGSET || address != XSTATE)
    return next(request, pid, address, data);
  if (!size)
    size = host_size(next, pid);
  given = data;
  if (given->iov_len >= size)
    return next(request, pid, address, data);
  memset(padded, 0, size);
  memcpy(padded, given->iov_base, given->iov_len);
  return next(request, pid, address, &(struct iovec){padded, size});
}
