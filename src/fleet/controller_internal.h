/*
 * fleet/controller_internal.h - what the files of the controller share; for no one else.
 *
 * controller.c has the course of a run, pace.c the number of users, search.c that of a search for
 * the limit, deaths.c its processes that end too early, controller_log.c the lines on the screen,
 * controller_machine.c a look at the machine,
 * script.c what a Locust file adds.
 */
#ifndef CICADA_FLEET_CONTROLLER_INTERNAL_H
#define CICADA_FLEET_CONTROLLER_INTERNAL_H

#include "fleet/controller.h"
#include "fleet/local.h"
#include "net/loop.h"
#include "wire/channel.h"

#include <signal.h>

struct classes;
struct live;
struct machine_probe;
struct peer_merge;
struct search;

enum { CONTROLLER_HOW_BYTES = 96, CONTROLLER_NAME_BYTES = 40 };

enum controller_state { CONTROLLER_STARTING = 0, CONTROLLER_RUNNING, CONTROLLER_STOPPING };

struct controller_worker {
    struct controller *controller;
    size_t index; /* in `members` */
    struct local_worker process;
    struct channel *channel;
    uint64_t tick_sequence;  /* of the last tick taken */
    uint64_t peers_sequence; /* likewise of what stands in front of it */
    uint64_t heard_ns;       /* when its last frame came */
    uint32_t finished;       /* users that have run all their iterations */
    bool is_ready, is_done, is_lost;
    const char *why_killed; /* by us; NULL: it was not */
    bool is_lead;           /* of a Locust file: no users, so not among the workers of the run */
};

/* Where the users of a Locust file are going: `from` at `began_ns`, then in steps of the rate. */
struct script_ramp {
    uint32_t from, to;
    double rate_per_s;
    uint64_t began_ns;
};

/* What a run of a Locust file has beside those of URLs; without meaning there. */
struct script_state {
    struct classes *classes;
    struct script_ramp ramp;
    bool has_target; /* a ramp is under way or complete */
    bool wants_quit; /* before the run began */
    /* What the script asked for before the run began. */
    struct frame_target early;
    bool has_early;
};

struct controller {
    const struct controller_config *config;
    struct loop *loop;
    struct run *run;
    struct peer_merge *peers;
    struct search *search;             /* NULL: none */
    struct live *live;                 /* NULL: none */
    struct controller_worker *members; /* the workers, and behind them the lead if there is one */
    size_t worker_count, member_count;
    struct script_state script;
    enum controller_state state;
    struct watch signal_watch;
    int signal_fd;
    sigset_t old_mask;
    struct timer warm_up_timer, pace_timer, storm_timer, second_timer, deadline_timer, death_timer;
    uint64_t started_ns, stopped_ns;
    uint64_t second_count; /* closed so far */
    uint64_t order_sequence;
    uint32_t ordered_users; /* the last order, all workers together */
    uint32_t stage;         /* goes out with each order; see struct frame_users */
    struct machine_probe *machine;
    uint64_t machine_cpu_ns, machine_read_ns; /* our own CPU time by then */
    struct err *err;
    bool has_failed; /* before the start: nothing was measured */
};

/* --- controller.c --- */
/* Takes orders: neither lost nor done. */
bool controller_is_present(const struct controller_worker *member);
void controller_begin_stop(struct controller *controller);
/* Nothing was measured: the sentence becomes the run's error. */
void controller_fail_start(struct controller *controller, const char *reason);

bool controller_has_any_left(const struct controller *controller);
/* The end, if the last one has come. */
void controller_stop_when_all_ended(struct controller *controller);

/* --- pace.c --- */
/* The first user starts, and the ramp of a run of URLs. */
void pace_begin(struct controller *controller, uint64_t now_ns);
/* Every worker is to have its share of so many users, `over_ms` from now. */
void pace_order(struct controller *controller, uint32_t users, uint32_t over_ms);
/* With the next order figures belong to a new stage, which goes to `users`. */
void pace_begin_stage(struct controller *controller, uint32_t users, uint64_t now_ns);
/* To which part of the run figures belong now; it goes out with each order. */
uint32_t pace_stage(const struct controller *controller);
/* The order before has been carried out by now: that many users have run. */
void pace_note_users(struct controller *controller);
/* Of `pace_timer`. */
void pace_on_step(struct timer *timer, uint64_t now_ns);
/* All users there will be have run all their iterations. Never of a Locust file. */
bool pace_has_finished_all(const struct controller *controller);

/* --- deaths.c --- */
/* "worker 3", or the words for the lead, into `text` of CONTROLLER_NAME_BYTES; gives `text`. */
const char *controller_name_of(const struct controller_worker *member, char *text);
/* SIGKILL, once; `why`, which must stay, is what is said of its death. */
void controller_kill(struct controller_worker *member, const char *why);
/* All that are not done. */
void controller_kill_rest(struct controller *controller, const char *why);
/* From now on deaths are noticed, also where something else holds the dead one's channel open. */
void controller_watch_deaths(struct controller *controller);
/* Of the channel of a member. */
void controller_on_closed(void *ctx, const char *reason);

/* --- controller_log.c --- */
/* A sink for base/log that writes above the live view, which is `ctx`. */
void controller_log_to_live(void *ctx, enum log_level level, const char *line);
void controller_take_log(struct controller *controller, const struct frame *frame);

/* --- controller_machine.c --- */
/* Once, when the run begins. */
void controller_watch_machine(struct controller *controller, uint64_t now_ns);
/* Each second of it, by a timer that came at `now_ns`, late by `late_ns`. */
void controller_sample_machine(struct controller *controller, uint64_t late_ns, uint64_t now_ns);

/* --- script.c --- each only for a Locust file */
void script_init(struct controller *controller);
void script_fini(struct controller *controller);
/* What the plan tells one member, as JSON. The caller frees it. */
char *script_compose(const struct controller *controller, const struct controller_worker *member);
/* The first orders, unless the script gives its own. */
void script_begin(struct controller *controller);
/* The next step of the ramp. */
void script_pace(struct controller *controller, uint64_t now_ns);
/* Every process is told at once of so many users; `is_final`: the ramp is at its target. False:
 * there are fewer, as their classes do not make more. */
bool script_order(struct controller *controller, uint32_t users, bool is_final);
/* A frame that only scripts send. */
void script_take(struct controller_worker *member, const struct frame *frame);
void script_take_done(struct controller_worker *member, const struct frame_done *done);
/* While the run stops: a process that is blocked for good does not keep the others waiting. */
void script_kill_silent(struct controller *controller, uint64_t now_ns);
/* At the end: how many messages each member did not get. */
void script_tell_dropped(const struct controller *controller);
/* To the lead, that a worker was lost. */
void script_tell_lost(const struct controller_worker *member);
/* Without its lead the run has no shape and no hooks: it ends, and has failed. */
void script_lose_lead(struct controller *controller, const char *how);

#endif
