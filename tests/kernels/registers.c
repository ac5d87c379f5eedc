/*
 * Copyright (c) 2026, fleetlab.linux contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first program of a guest: two processes of two threads each hold different values in all vector registers, the widest that the CPU
 * has, while they wait for their turn. It goes round from one process to the other, so that each turn is a context switch. Prints how many
 * there were, and ends with 0 when every register kept its value.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 3000
#define REGISTERS 32
#define WORDS 8 /* of 64 bits, in a register of 512 */

typedef uint64_t values[REGISTERS][WORDS] __attribute__((aligned(64)));

/* Load all registers, make the system call read, store all registers: nothing else touches them in between. */
#define EACH16(r) r(0) r(1) r(2) r(3) r(4) r(5) r(6) r(7) r(8) r(9) r(10) r(11) r(12) r(13) r(14) r(15)
#define EACH32(r) EACH16(r) r(16) r(17) r(18) r(19) r(20) r(21) r(22) r(23) r(24) r(25) r(26) r(27) r(28) r(29) r(30) r(31)
#define LOAD(kind, instruction, n) instruction " " #n "*64(%[in]), %%" kind #n "\n"
#define STORE(kind, instruction, n) instruction " %%" kind #n ", " #n "*64(%[out])\n"
#define LOAD_ZMM(n) LOAD("zmm", "vmovdqu64", n)
#define STORE_ZMM(n) STORE("zmm", "vmovdqu64", n)
#define LOAD_YMM(n) LOAD("ymm", "vmovdqu", n)
#define STORE_YMM(n) STORE("ymm", "vmovdqu", n)
#define LOAD_XMM(n) LOAD("xmm", "movdqu", n)
#define STORE_XMM(n) STORE("xmm", "movdqu", n)
#define WAIT(load, store) \
  asm volatile(load "syscall\n" store \
               : "+a"(call) \
               : "D"(descriptor), "S"(&turn), "d"(1), [in] "r"(in), [out] "r"(out) \
               : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
                 "xmm12", "xmm13", "xmm14", "xmm15")

static int bits;
static int pipes[THREADS][2];

static void wait_for_turn(int descriptor, values *in, values *out) {
  long call = SYS_read;
  char turn;

  if (bits == 512)
    WAIT(EACH32(LOAD_ZMM), EACH32(STORE_ZMM));
  else if (bits == 256)
    WAIT(EACH16(LOAD_YMM), EACH16(STORE_YMM));
  else
    WAIT(EACH16(LOAD_XMM), EACH16(STORE_XMM));
}

static void pass_turn(int to) {
  if (write(pipes[to % THREADS][1], "", 1) != 1)
    _exit(2);
}

/* How often the registers of one thread came back with other values. */
static void *hold(void *number) {
  values in, out;
  int registers = bits == 512 ? 32 : 16;
  uintptr_t own = (uintptr_t)number, lost = 0;

  for (int round = 0; round < ROUNDS; round++) {
    for (int r = 0; r < REGISTERS; r++)
      for (int w = 0; w < WORDS; w++)
        in[r][w] = (uint64_t)(own + 1) << 56 | (uint64_t)round << 24 | r << 8 | w;
    memset(out, 0, sizeof out);
    wait_for_turn(pipes[own][0], &in, &out);
    for (int r = 0; r < registers; r++)
      lost += memcmp(in[r], out[r], bits / 8) != 0;
    pass_turn(own + 1);
  }
  return (void *)lost;
}

/* The threads of one process are every other one of the round. */
static int hold_in_two_threads(uintptr_t first) {
  pthread_t other;
  void *lost;
  uintptr_t own;

  pthread_create(&other, NULL, hold, (void *)(first + 2));
  own = (uintptr_t)hold((void *)first);
  pthread_join(other, &lost);
  return own + (uintptr_t)lost != 0;
}

int main(void) {
  struct rusage used[2];
  int status = 0, lost;
  pid_t child;

  __builtin_cpu_init();
  bits = __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("avx2") ? 256 : 128;
  for (int number = 0; number < THREADS; number++)
    if (pipe(pipes[number]) != 0)
      return 2;
  pass_turn(0);
  child = fork();
  lost = hold_in_two_threads(child ? 0 : 1);
  if (child == 0)
    _exit(lost);
  waitpid(child, &status, 0);
  getrusage(RUSAGE_SELF, &used[0]);
  getrusage(RUSAGE_CHILDREN, &used[1]);
  printf("registers: %s, %d bits, %ld context switches\n", lost || status ? "lost" : "kept", bits,
         used[0].ru_nvcsw + used[0].ru_nivcsw + used[1].ru_nvcsw + used[1].ru_nivcsw);
  fflush(stdout);
  return lost || status;
}
