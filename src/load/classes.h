/*
 * load/classes.h - which class of a Locust file is user k, and how many of each a worker runs.
 *
 * Classes with a fixed count come first, by turns, until each has its count; the others follow by
 * weight, spread smoothly, so that any number of users is close to the weights. The same file gives
 * the same classes in the same order as Locust's own dispatcher. User k runs on worker k modulo the
 * number of workers; fewer users are always the first of more.
 *
 * Runs on: the controller. No I/O, no clock.
 */
#ifndef CICADA_LOAD_CLASSES_H
#define CICADA_LOAD_CLASSES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLASSES_LIMIT = 1000 };

struct class_spec {
    const char *name; /* copied */
    double weight;    /* above 0 */
    uint32_t fixed_count;
};

struct classes;

/* `specs` are 1 to CLASSES_LIMIT, sorted by name as the scripts see them. The caller owns it. */
struct classes *classes_new(const struct class_spec *specs, size_t count, uint32_t worker_count);
void classes_free(struct classes *classes);
size_t classes_count(const struct classes *classes);
/*
 * From the present number of users on, only classes of these names start; no names: all. Those that
 * run stay. -1 with a sentence for a name that is none.
 */
int classes_restrict(struct classes *classes, char *const *names, size_t count, struct err *err);
/* Returns how many there are then: less than `users` once nothing but full fixed counts is left. */
uint32_t classes_set_users(struct classes *classes, uint32_t users);
/* How many users of each class the worker runs now; borrowed until the next change. */
const uint32_t *classes_on_worker(const struct classes *classes, uint32_t worker);

#endif
