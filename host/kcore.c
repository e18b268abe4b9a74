/* SPDX-License-Identifier: MIT */
/* Reading /proc/kcore, or a file in its place, which may be hostile. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kcore.h"

#define PATH "/proc/kcore"

/* More than this no kernel has: bytes of notes, segments. */
#define NOTES_MOST    (1u << 20)
#define SEGMENTS_MOST 2048

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif

/* ---- opening ------------------------------------------------------------- */

static int refuse(char *message, size_t size, const char *why)
{
	snprintf(message, size, PATH " %s", why);
	return -1;
}

static int cannot_open(int error, char *message, size_t size)
{
	switch (error) {
	case ENOENT:
		return refuse(message, size,
			      "is not there: the kernel needs "
			      "CONFIG_PROC_KCORE, and a sandbox or container "
			      "may hide it; run this on the host itself");
	case EPERM:
	case EACCES:
		return refuse(message, size,
			      "may not be read: that needs root with "
			      "CAP_SYS_RAWIO, and a kernel that is not locked "
			      "down (/sys/kernel/security/lockdown says "
			      "[none])");
	default:
		return refuse(message, size, strerror(error));
	}
}

static bool read_at(int fd, void *data, size_t bytes, uint64_t offset)
{
	char *to = data;

	while (bytes) {
		ssize_t got = offset > INT64_MAX
				  ? 0
				  : pread(fd, to, bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		bytes -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

/* A core of this machine's word size and byte order? */
static bool header_is_sound(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_ident[EI_DATA] == OWN_ORDER &&
	       header->e_type == ET_CORE &&
	       header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum &&
	       header->e_phnum <= SEGMENTS_MOST;
}

/* Keep a segment whose addresses and offsets do not wrap. */
static void add_segment(struct hvo_kcore *kcore, const Elf64_Phdr *p)
{
	uint64_t last = p->p_filesz - 1;

	if (!p->p_filesz || p->p_vaddr + last < p->p_vaddr ||
	    p->p_offset > INT64_MAX || last > INT64_MAX - p->p_offset)
		return;
	if (p->p_paddr != HVO_KCORE_NOWHERE && p->p_paddr + last < p->p_paddr)
		return;
	kcore->segments[kcore->n++] = (struct hvo_kcore_segment){
	    .address = p->p_vaddr,
	    .physical = p->p_paddr,
	    .bytes = p->p_filesz,
	    .offset = p->p_offset,
	};
}

/* The first segment of notes; further ones there are none. */
static bool read_notes(struct hvo_kcore *kcore, const Elf64_Phdr *p)
{
	if (kcore->notes || !p->p_filesz || p->p_filesz > NOTES_MOST)
		return true;
	kcore->notes = malloc(p->p_filesz);
	kcore->notes_bytes = p->p_filesz;
	return kcore->notes &&
	       read_at(kcore->fd, kcore->notes, p->p_filesz, p->p_offset);
}

static bool sort_out(struct hvo_kcore *kcore, const Elf64_Phdr *headers,
		     size_t n)
{
	kcore->segments = calloc(n, sizeof(*kcore->segments));
	if (!kcore->segments)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (headers[i].p_type == PT_LOAD)
			add_segment(kcore, &headers[i]);
		else if (headers[i].p_type == PT_NOTE &&
			 !read_notes(kcore, &headers[i]))
			return false;
	}
	return true;
}

static int read_headers(struct hvo_kcore *kcore, char *message, size_t size)
{
	Elf64_Ehdr header;
	Elf64_Phdr *headers;
	bool done;

	if (!read_at(kcore->fd, &header, sizeof(header), 0) ||
	    !header_is_sound(&header))
		return refuse(message, size,
			      "is no ELF core of a 64-bit kernel in this "
			      "machine's byte order");
	kcore->machine = header.e_machine;
	headers = calloc(header.e_phnum, sizeof(*headers));
	done = headers &&
	       read_at(kcore->fd, headers, header.e_phnum * sizeof(*headers),
		       header.e_phoff) &&
	       sort_out(kcore, headers, header.e_phnum);
	free(headers);
	if (!done)
		return refuse(message, size,
			      "ends within its headers or notes, or there is "
			      "no memory for them");
	return 0;
}

int hvo_kcore_open(struct hvo_kcore *kcore, struct hvo_host *host,
		   char *message, size_t size)
{
	struct stat st;

	*kcore = (struct hvo_kcore){.fd = hvo_host_open_file(host, PATH, 0)};
	if (kcore->fd < 0)
		return cannot_open(errno, message, size);
	if (fstat(kcore->fd, &st) || !S_ISREG(st.st_mode))
		refuse(message, size,
		       "is no regular file: a container hides it; run this on "
		       "the host itself");
	else if (!read_headers(kcore, message, size))
		return 0;
	hvo_kcore_close(kcore);
	return -1;
}

void hvo_kcore_close(struct hvo_kcore *kcore)
{
	if (kcore->fd >= 0)
		close(kcore->fd);
	free(kcore->segments);
	free(kcore->notes);
	*kcore = (struct hvo_kcore){.fd = -1};
}

/* ---- notes --------------------------------------------------------------- */

/* A note's name and content are padded to multiples of 4 bytes. */
static size_t padded(uint32_t bytes)
{
	return ((size_t)bytes + 3) & ~(size_t)3;
}

char *hvo_kcore_note(const struct hvo_kcore *kcore, const char *name)
{
	size_t length = strlen(name) + 1;
	const char *at = kcore->notes;
	size_t left = kcore->notes_bytes;
	Elf64_Nhdr note;

	while (left >= sizeof(note)) {
		const char *content;

		memcpy(&note, at, sizeof(note));
		at += sizeof(note);
		left -= sizeof(note);
		if (padded(note.n_namesz) > left ||
		    note.n_descsz > left - padded(note.n_namesz))
			break;
		content = at + padded(note.n_namesz);
		if (note.n_namesz == length && !memcmp(at, name, length))
			return strndup(content, note.n_descsz);
		left -= padded(note.n_namesz);
		if (padded(note.n_descsz) > left)
			break;
		left -= padded(note.n_descsz);
		at = content + padded(note.n_descsz);
	}
	errno = ENOENT;
	return NULL;
}

/* ---- memory -------------------------------------------------------------- */

/* Eight bytes at `address` of a range that begins at `start`. */
static bool has_word(const struct hvo_kcore_segment *segment, uint64_t start,
		     uint64_t address)
{
	return address >= start && segment->bytes >= sizeof(uint64_t) &&
	       address - start <= segment->bytes - sizeof(uint64_t);
}

bool hvo_kcore_word(const struct hvo_kcore *kcore, uint64_t address,
		    uint64_t *word)
{
	for (size_t i = 0; i < kcore->n; i++) {
		const struct hvo_kcore_segment *s = &kcore->segments[i];

		if (has_word(s, s->address, address))
			return read_at(kcore->fd, word, sizeof(*word),
				       s->offset + (address - s->address));
	}
	return false;
}

bool hvo_kcore_word_at_physical(const struct hvo_kcore *kcore,
				uint64_t physical, uint64_t *word)
{
	for (size_t i = 0; i < kcore->n; i++) {
		const struct hvo_kcore_segment *s = &kcore->segments[i];

		if (s->physical != HVO_KCORE_NOWHERE &&
		    has_word(s, s->physical, physical))
			return read_at(kcore->fd, word, sizeof(*word),
				       s->offset + (physical - s->physical));
	}
	return false;
}
