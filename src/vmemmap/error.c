/* SPDX-License-Identifier: MIT */
/* The texts of error codes and of the check's violations. */

#include "hvo/vmemmap.h"

static const char *const error_texts[HVO_ERRORS] = {
    [HVO_OK] = "success",
    [HVO_ENOMEM] = "no frame left for descriptors",
    [HVO_EMAPPINGS] = "the port has no room for another mapping",
    [HVO_EALIGN] = "page frame number, count or address is not aligned",
    [HVO_EORDER] = "folio order too small to be optimized, or too large",
    [HVO_ERANGE] = "range is empty or outside the memory map",
    [HVO_EABSENT] = "part of the range has no descriptors",
    [HVO_EEXIST] = "part of the range has descriptors already",
    [HVO_ESTATE] = "the range is not in the state this starts from",
    [HVO_EBUSY] = "another transition holds the range, or it is given twice",
    [HVO_EDOMAIN] = "domain unknown, or the range crosses domains",
    [HVO_EDIRTY] = "descriptors hold something that would be lost",
    [HVO_EWORK] = "the workspace is too small for one folio",
    [HVO_ERECORD] = "record size or layout is not supported",
    [HVO_EPAGE] = "base page size is not supported",
    [HVO_ENOHOST] = "the described memory cannot hold descriptors here",
    [HVO_EBLOCK] = "a block mapping cannot be split or made while in use",
    [HVO_ECORRUPT] = "the check found a violation",
    [HVO_ENODE] = "there is no such node or zone",
};

const char *hvo_strerror(int error)
{
	/* Unsigned, so that negating INT_MIN is defined too. */
	unsigned code = error < 0 ? 0u - (unsigned)error : (unsigned)error;

	return code < HVO_ERRORS ? error_texts[code] : "unknown error";
}

static const char *const violation_texts[HVO_VIOLATIONS] = {
    [HVO_CHECK_OK] = "no violation",
    [HVO_CHECK_BUSY] = "a transition is under way",
    [HVO_CHECK_UNMAPPED] = "a page of descriptors has no translation",
    [HVO_CHECK_MAPPED] = "a page without descriptors has a translation",
    [HVO_CHECK_READ_ONLY] = "a page of descriptors is read-only",
    [HVO_CHECK_WRITABLE] = "a shared tail page is writable",
    [HVO_CHECK_NOT_SHARED] = "a tail page does not lead to the shared tails",
    [HVO_CHECK_FRAME_TWICE] = "a frame has two owners",
    [HVO_CHECK_FRAME_RANGE] = "a frame number is out of range",
    [HVO_CHECK_TAIL_BYTES] = "shared tails lost the bytes they had",
    [HVO_CHECK_WRONG_HEAD] = "a descriptor leads to a wrong head",
    [HVO_CHECK_COUNTER] = "a counter is not what the walk found",
    [HVO_CHECK_STATE] = "the range table contradicts itself",
};

const char *hvo_violation_text(enum hvo_violation violation)
{
	return (unsigned)violation < HVO_VIOLATIONS ? violation_texts[violation]
						    : "unknown violation";
}
