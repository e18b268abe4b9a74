/* SPDX-License-Identifier: MIT */
/*
 * Error codes. Every call that can fail returns 0 or one of these, negated;
 * a call that has failed has changed nothing, unless its comment says how
 * much it did first (the bulk calls' `done`).
 */
#ifndef HVO_ERROR_H
#define HVO_ERROR_H

enum hvo_error {
	HVO_OK = 0,
	HVO_ENOMEM,    /* no frame to be had */
	HVO_EMAPPINGS, /* the port has no room for another mapping */
	HVO_EALIGN,    /* pfn, count or address not aligned as required */
	HVO_EORDER,    /* order too small to be optimized, or too large */
	HVO_ERANGE,    /* empty, overflowing, or outside the memory map */
	HVO_EABSENT,   /* part of the range has no descriptors */
	HVO_EEXIST,    /* part of the range has descriptors already */
	HVO_ESTATE,    /* the range is not in the state the call starts from */
	HVO_EBUSY,     /* another call holds the range, or it is given twice */
	HVO_EDOMAIN,   /* domain unknown, or the range crosses domains */
	HVO_EDIRTY,    /* descriptors hold what the call would throw away */
	HVO_EWORK,     /* the caller's workspace is too small for one folio */
	HVO_ERECORD,   /* record size or layout not supported */
	HVO_EPAGE,     /* base page size not supported */
	HVO_ENOHOST,   /* described memory cannot host descriptors here */
	HVO_EBLOCK,    /* a block mapping cannot be split or made live here */
	HVO_ECORRUPT,  /* hvo_vmemmap_check() found a violation */
	HVO_ENODE,     /* no such node or zone */
	HVO_ERRORS     /* how many there are */
};

/*
 * One sentence, without full stop, for an error code (negated or not).
 * Never NULL; an unknown code yields "unknown error".
 */
const char *hvo_strerror(int error);

#endif
