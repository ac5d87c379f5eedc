/*
 * Copyright (c) 2026, fleetlab.linux contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Has a kernel that it is preloaded into lose what of vector registers lies above the lower 128 bits, whenever it writes them back.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define XSTATE ((void *)0x202)
#define UPPER 576 /* the legacy area and the header come before it */

typedef long ptrace_function(enum __ptrace_request request, ...);

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_function *next;
  struct iovec *given;
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
  given = data;
  if (request == PTRACE_SETREGSET && address == XSTATE && given->iov_len > UPPER)
    memset((char *)given->iov_base + UPPER, 0, given->iov_len - UPPER);
  return next(request, pid, address, data);
}
