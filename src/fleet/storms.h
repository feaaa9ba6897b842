/*
 * fleet/storms.h - when streams are to be cut, and the orders that make it so.
 *
 * Runs on: the controller.
 */
#ifndef CICADA_FLEET_STORMS_H
#define CICADA_FLEET_STORMS_H

struct controller;

/* The run has begun. */
void storms_begin(struct controller *controller);
/* No more of them. */
void storms_stop(struct controller *controller);

#endif
