/*
 * load/storm.h - a share of a worker's users loses its open streams at once, and takes them up
 * again: what FRAME_STORM asks for.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_STORM_H
#define CICADA_LOAD_STORM_H

#include <stddef.h>
#include <stdint.h>

struct frame_storm;
struct user;

/* Of the `count` users. How many streams were cut. */
uint32_t storm_cut(const struct frame_storm *storm, struct user *const *users, size_t count,
                   uint64_t now_ns);

#endif
