/*
 * limit_sample.h - searches for the limit that came to an end, for tests of what is said of them.
 */
#ifndef LIMIT_SAMPLE_H
#define LIMIT_SAMPLE_H

struct limit;

/* The caller owns each. An edge between 4,134 users and 4,212, confirmed; up to 10,000. */
struct limit *limit_sample_edge(void);
/* 64 users hold, and more were not allowed. */
struct limit *limit_sample_ceiling(void);
/* Not even one user holds. */
struct limit *limit_sample_nothing(void);
/* 100 hold; at 200 cicada was at its own limit. */
struct limit *limit_sample_generator(void);
/* 100 hold, 200 are under way. */
struct limit *limit_sample_unfinished(void);

#endif
