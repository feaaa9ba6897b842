/*
 * fleet/python.h - the interpreter for Locust files: which one, with what around it, and what it
 * says of a file before a run. No Python in this process.
 */
#ifndef CICADA_FLEET_PYTHON_H
#define CICADA_FLEET_PYTHON_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum { PYTHON_ANSWER_LIMIT_BYTES = 64 * 1024 * 1024 };

/* All owned. */
struct python {
    char *interpreter;  /* a path */
    char *folder;       /* of our packages and the engine */
    char **environment; /* for its processes; ends in NULL */
};

/*
 * `asked` is a path or a name to look for in PATH; NULL: that of the active virtual environment,
 * else the one found when cicada was built. -1 with a sentence; python_fini in either case.
 */
int python_find(struct python *python, const char *asked, struct err *err);
void python_fini(struct python *python);

struct python_question {
    const char *request; /* JSON, what is asked beyond the file */
    const char *file;
    const char *const *words; /* for the script's own arguments */
    size_t word_count;
};

/*
 * Runs cicada.inspect on a Locust file and waits for it; `answer` gets its JSON. What the script
 * printed meanwhile comes out only when `answer` says nothing, or by python_tell: a worker will
 * load the script again, and print it again.
 */
struct python_answer {
    struct buf json, printed, errors;
};
/* -1 with a sentence when there is no answer. python_answer_fini in either case. */
int python_inspect(const struct python *python, const struct python_question *question,
                   struct python_answer *answer, struct err *err);
/* Passes on what the script printed, to standard output and standard error. */
void python_tell(struct python_answer *answer);
void python_answer_fini(struct python_answer *answer);

#endif
