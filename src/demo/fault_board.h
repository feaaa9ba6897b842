/*
 * demo/fault_board.h - the faults in force, in memory that all processes of a service share: any of
 * them may set them, each sees by one number that they changed. Also the streams open in all of
 * them, so that a limit holds exactly.
 */
#ifndef CICADA_DEMO_FAULT_BOARD_H
#define CICADA_DEMO_FAULT_BOARD_H

#include "base/err.h"
#include "demo/faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault_board;

/* Before the fork, with the faults of the start; NULL with a sentence. The caller owns it. */
struct fault_board *fault_board_map(const struct faults *faults, struct err *err);
void fault_board_unmap(struct fault_board *board);

/* Another number after each change. One load. */
uint64_t fault_board_version(const struct fault_board *board);
/* Copies what is in force and returns its version. */
uint64_t fault_board_read(const struct fault_board *board, struct faults *faults);
/*
 * Changes what is in force by the JSON of a request (see faults_set_json), as one step for
 * everybody who reads or changes it meanwhile. 0, or -1 with a sentence and nothing changed.
 */
int fault_board_change(struct fault_board *board, const void *json, size_t len, struct err *err);

/* Counts a stream in, unless `limit` (0: none) are open already. */
bool fault_board_enter(struct fault_board *board, uint64_t limit);
void fault_board_leave(struct fault_board *board);
/* Streams counted in. */
uint64_t fault_board_open_count(const struct fault_board *board);

#endif
