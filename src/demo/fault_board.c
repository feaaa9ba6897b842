#include "demo/fault_board.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { WORD_COUNT = (sizeof(struct faults) + sizeof(uint64_t) - 1) / sizeof(uint64_t) };

/*
 * A sequence lock (Boehm, "Can seqlocks get along with programming language memory models?", 2012):
 * the version is odd while somebody writes. Words are atomic so that a torn read is seen, not
 * undefined.
 */
struct fault_board {
    _Atomic uint64_t version;
    _Atomic uint64_t words[WORD_COUNT];
    _Atomic uint64_t streams_open; /* the words keep it off the version's cache line */
};

static void store(struct fault_board *board, const struct faults *faults)
{
    uint64_t words[WORD_COUNT] = {0};

    (void)memcpy(words, faults, sizeof *faults);
    for (int i = 0; i < WORD_COUNT; i++)
        atomic_store_explicit(&board->words[i], words[i], memory_order_relaxed);
}

struct fault_board *fault_board_map(const struct faults *faults, struct err *err)
{
    void *memory = mmap(NULL, sizeof(struct fault_board), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        err_set(err, ERR_SYSTEM, "cannot map memory for the faults: %s", strerror(errno));
        return NULL;
    }
    store(memory, faults);
    return memory;
}

void fault_board_unmap(struct fault_board *board)
{
    if (board)
        (void)munmap(board, sizeof *board);
}

uint64_t fault_board_version(const struct fault_board *board)
{
    return atomic_load_explicit(&board->version, memory_order_acquire);
}

uint64_t fault_board_read(const struct fault_board *board, struct faults *faults)
{
    uint64_t words[WORD_COUNT], before;

    for (;;) {
        before = fault_board_version(board);
        for (int i = 0; i < WORD_COUNT; i++)
            words[i] = atomic_load_explicit(&board->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 &&
            atomic_load_explicit(&board->version, memory_order_relaxed) == before)
            break;
        (void)sched_yield(); /* a writer copies a few words */
    }
    (void)memcpy(faults, words, sizeof *faults);
    return before;
}

int fault_board_change(struct fault_board *board, const void *json, size_t len, struct err *err)
{
    struct faults faults;
    uint64_t version;

    do {
        version = fault_board_read(board, &faults);
        if (faults_set_json(&faults, json, len, err) < 0)
            return -1;
    } while (!atomic_compare_exchange_strong_explicit(&board->version, &version, version + 1,
                                                      memory_order_acquire, memory_order_relaxed));
    atomic_thread_fence(memory_order_release);
    store(board, &faults);
    atomic_store_explicit(&board->version, version + 2, memory_order_release);
    return 0;
}

bool fault_board_enter(struct fault_board *board, uint64_t limit)
{
    uint64_t before = atomic_fetch_add_explicit(&board->streams_open, 1, memory_order_relaxed);

    if (limit == 0 || before < limit)
        return true;
    fault_board_leave(board);
    return false;
}

void fault_board_leave(struct fault_board *board)
{
    (void)atomic_fetch_sub_explicit(&board->streams_open, 1, memory_order_relaxed);
}

uint64_t fault_board_open_count(const struct fault_board *board)
{
    return atomic_load_explicit(&board->streams_open, memory_order_relaxed);
}
