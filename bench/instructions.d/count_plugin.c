// SPDX-License-Identifier: Apache-2.0
//
// A plugin of QEMU's translator that counts how often every translated block runs. It writes lines
// "ADDRESS INSTRUCTIONS EXECUTIONS" to the file named by out=FILE for each block that ran since the
// last mark, and then "mark"; a mark is the guest's call of the kernel that mark=NUMBER names.
// Blocks of user-mode emulation end where control flow does, so counts are exact for a program with
// one thread.
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of version 1 of the plugin interface, whose header Debian does not package.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t,
                                                                   struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *to,
                                                     uint64_t value);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id,
                                                 void (*callback)(qemu_plugin_id_t, unsigned,
                                                                  int64_t, uint64_t, uint64_t,
                                                                  uint64_t, uint64_t, uint64_t,
                                                                  uint64_t, uint64_t, uint64_t));
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

typedef struct block {
  struct block *next;
  uint64_t address, instructions;
  uint64_t executions, written; // the latter: as of the last mark
} block;

static block *blocks; // of all translations; a block may be translated again
static FILE *out;
static int64_t mark = -1;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  block *b = calloc(1, sizeof *b);
  if (!b) {
    fputs("count_plugin: out of memory\n", stderr);
    exit(1);
  }
  b->address = qemu_plugin_tb_vaddr(tb);
  b->instructions = qemu_plugin_tb_n_insns(tb);
  b->next = blocks;
  blocks = b;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->executions, 1);
}

static void on_system_call(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1,
                           uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                           uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7,
      (void)a8;
  if (number != mark)
    return;
  for (block *b = blocks; b; b = b->next)
    if (b->executions != b->written) {
      fprintf(out, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->address, b->instructions,
              b->executions - b->written);
      b->written = b->executions;
    }
  fputs("mark\n", out);
  fflush(out);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0)
      out = fopen(argv[i] + 4, "w");
    else if (strncmp(argv[i], "mark=", 5) == 0)
      mark = strtoll(argv[i] + 5, NULL, 10);
  }
  if (!out || mark < 0) {
    fputs("count_plugin: needs out=FILE and mark=NUMBER\n", stderr);
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
  return 0;
}
