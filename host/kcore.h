/* SPDX-License-Identifier: MIT */
/*
 * /proc/kcore: the running kernel's memory as an ELF core (proc_pid(5),
 * elf(5); System V ABI, "Object Files"). Its loadable segments name memory by
 * the kernel's virtual address and, where that is memory which the kernel maps
 * as a whole, by physical address too.
 *
 * Nothing in the file is believed before it has been checked: segments kept
 * are those whose addresses and offsets do not wrap. Private to this library.
 * Locking: none; reads leave no trace in it.
 */
#ifndef HVO_HOST_KCORE_H
#define HVO_HOST_KCORE_H

#include "hvo_host.h"

/* Physical address of segments that have none (ranges like vmalloc's). */
#define HVO_KCORE_NOWHERE UINT64_MAX

struct hvo_kcore_segment {
	uint64_t address, physical, bytes, offset;
};

struct hvo_kcore {
	int fd;
	unsigned machine; /* EM_X86_64, EM_AARCH64, ... */
	struct hvo_kcore_segment *segments;
	size_t n;
	char *notes;
	size_t notes_bytes;
};

/*
 * Open the host's. Returns 0, or -1 with a sentence in message and nothing to
 * close.
 */
int hvo_kcore_open(struct hvo_kcore *kcore, struct hvo_host *host,
		   char *message, size_t size);
void hvo_kcore_close(struct hvo_kcore *kcore);

/*
 * The content of the note of that name, as text: a malloc()ed copy, or NULL
 * if there is none (ENOENT), or with errno.
 */
char *hvo_kcore_note(const struct hvo_kcore *kcore, const char *name);

/*
 * Eight bytes of the kernel's memory; false if no segment has them, or they
 * cannot be read.
 */
bool hvo_kcore_word(const struct hvo_kcore *kcore, uint64_t address,
		    uint64_t *word);
bool hvo_kcore_word_at_physical(const struct hvo_kcore *kcore,
				uint64_t physical, uint64_t *word);

#endif
