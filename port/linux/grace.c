/* SPDX-License-Identifier: MIT */
/*
 * Grace periods, by liburcu's "bulletproof" flavour: threads need not register
 * and a read-side section costs a few loads and stores.
 */
#include <urcu/urcu-bp.h>
#include "hvo_linux.h"

void hvo_linux_read_lock(void)
{
	urcu_bp_read_lock();
}

void hvo_linux_read_unlock(void)
{
	urcu_bp_read_unlock();
}

void hvo_port_read_begin(struct hvo_port *port)
{
	(void)port;
	urcu_bp_read_lock();
}

void hvo_port_read_end(struct hvo_port *port)
{
	(void)port;
	urcu_bp_read_unlock();
}

void hvo_port_synchronize(struct hvo_port *port)
{
	(void)port; /* one set of readers for all maps of the process */
	urcu_bp_synchronize_rcu();
}
