/*
 * load/worker.h - a worker process: one thread, one loop, its users, its streams, its statistics.
 * Does what the frames say, sends a tick each second, never writes a file or prints.
 */
#ifndef CICADA_LOAD_WORKER_H
#define CICADA_LOAD_WORKER_H

/*
 * Runs until the controller says stop or is gone. `fd` is the channel, taken over. Returns the exit
 * status of the process.
 */
int worker_main(int fd);

#endif
