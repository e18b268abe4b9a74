/* SPDX-License-Identifier: MIT */
/*
 * Reading a command line. Words are cut first (spaces, quotes), then looked up
 * by name; each reader gets the value as a piece of text, and either stores
 * all that it says or nothing and where it is wrong.
 */

#include "hvo/bootparam.h"
#include "hvo/mem.h"

/* Text from `at` up to `end`; what is behind `end` does not exist. */
struct text {
	const char *at;
	const char *end;
};

struct reader {
	const struct hvo_bootparam_config *config;
	struct hvo_bootparam *out;
	unsigned size; /* that the next hugepages= is about */
	enum { FIRST, SIZED, BAD_SIZE, COUNTED } before; /* it */
	/* hugepages= came first: pages of whatever turns out to be default */
	struct hvo_bootparam_amount implicit;
	bool size_given[HVO_BOOTPARAM_SIZES_MAX]; /* by hugepagesz= */
};

/* ---- numbers ---------------------------------------------------------- */

static bool at_char(const struct text *t, char c)
{
	return t->at < t->end && *t->at == c;
}

static bool skip_char(struct text *t, char c)
{
	bool there = at_char(t, c);

	t->at += there;
	return there;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The next digit's value, or `base` if there is none. */
static unsigned digit(const struct text *t, unsigned base)
{
	char c = t->at < t->end ? lower(*t->at) : '\0';
	unsigned value = base;

	if (c >= '0' && c <= '9')
		value = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		value = (unsigned)(c - 'a') + 10;
	return value < base ? value : base;
}

static enum hvo_bootparam_problem read_digits(struct text *t, unsigned base,
					      uint64_t *number)
{
	if (digit(t, base) == base)
		return HVO_BOOTPARAM_SYNTAX;
	for (*number = 0; digit(t, base) < base; t->at++) {
		uint64_t d = digit(t, base);

		if (*number > (UINT64_MAX - d) / base)
			return HVO_BOOTPARAM_OVERFLOW;
		*number = *number * base + d;
	}
	return HVO_BOOTPARAM_OK;
}

static enum hvo_bootparam_problem read_count(struct text *t, uint64_t *number)
{
	return read_digits(t, 10, number);
}

/* Bits to shift by for a suffix; 0 if there is none. */
static unsigned suffix(struct text *t)
{
	static const char letters[] = "kmgtpe";

	for (unsigned i = 0; t->at < t->end && letters[i]; i++)
		if (lower(*t->at) == letters[i]) {
			t->at++;
			return 10 * (i + 1);
		}
	return 0;
}

static enum hvo_bootparam_problem read_size(struct text *t, uint64_t *bytes)
{
	const char *start = t->at;
	bool hex =
	    t->end - t->at > 2 && t->at[0] == '0' && lower(t->at[1]) == 'x';
	enum hvo_bootparam_problem problem;
	unsigned shift;

	t->at += hex ? 2 : 0;
	problem = read_digits(t, hex ? 16 : 10, bytes);
	if (problem)
		return problem;
	shift = suffix(t);
	if (*bytes > UINT64_MAX >> shift) {
		t->at = start;
		return HVO_BOOTPARAM_OVERFLOW;
	}
	*bytes <<= shift;
	return HVO_BOOTPARAM_OK;
}

/* ---- values ----------------------------------------------------------- */

typedef enum hvo_bootparam_problem read_fn(struct text *t, uint64_t *number);

static enum hvo_bootparam_problem at_end(const struct text *t)
{
	return t->at == t->end ? HVO_BOOTPARAM_OK : HVO_BOOTPARAM_SYNTAX;
}

/* NODE:NUMBER. On a problem t is where it is. */
static enum hvo_bootparam_problem read_node(struct text *t, read_fn *read,
					    unsigned nodes, uint32_t *seen,
					    struct hvo_bootparam_amount *amount)
{
	const char *start = t->at;
	uint64_t node;
	uint64_t number;
	enum hvo_bootparam_problem problem = read_count(t, &node);

	if (problem)
		return problem;
	if (node >= nodes || *seen >> node & 1) {
		problem =
		    node >= nodes ? HVO_BOOTPARAM_NODE : HVO_BOOTPARAM_REPEATED;
		t->at = start;
		return problem;
	}
	*seen |= UINT32_C(1) << node;
	if (!skip_char(t, ':'))
		return HVO_BOOTPARAM_SYNTAX;
	start = t->at;
	problem = read(t, &number);
	if (problem)
		return problem;
	if (number > UINT64_MAX - amount->total) {
		t->at = start;
		return HVO_BOOTPARAM_OVERFLOW;
	}
	amount->node[node] = number;
	amount->total += number;
	return HVO_BOOTPARAM_OK;
}

static bool has_colon(const struct text *t)
{
	for (const char *at = t->at; at < t->end; at++)
		if (*at == ':')
			return true;
	return false;
}

/* A number, or a list of NODE:NUMBER. */
static enum hvo_bootparam_problem read_amount(struct text *t, read_fn *read,
					      unsigned nodes,
					      struct hvo_bootparam_amount *out)
{
	struct hvo_bootparam_amount amount = {.given = true};
	enum hvo_bootparam_problem problem;
	uint32_t seen = 0;

	amount.by_node = has_colon(t);
	if (amount.by_node) {
		do
			problem = read_node(t, read, nodes, &seen, &amount);
		while (!problem && skip_char(t, ','));
	} else {
		problem = read(t, &amount.total);
	}
	if (!problem)
		problem = at_end(t);
	if (!problem)
		*out = amount;
	return problem;
}

static bool is_word(const struct text *t, const char *word)
{
	const char *at = t->at;

	while (at < t->end && *word && lower(*at) == *word) {
		at++;
		word++;
	}
	return at == t->end && !*word;
}

static enum hvo_bootparam_problem read_bool(struct text *t, bool *value)
{
	static const char *const words[] = {"off", "on", "0", "1", "n", "y"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (is_word(t, words[i])) {
			*value = i & 1;
			return HVO_BOOTPARAM_OK;
		}
	return HVO_BOOTPARAM_SYNTAX;
}

/* A huge page's size: its index. */
static enum hvo_bootparam_problem read_huge(const struct reader *r,
					    struct text *t, unsigned *size)
{
	const char *start = t->at;
	uint64_t bytes;
	enum hvo_bootparam_problem problem = read_size(t, &bytes);

	if (!problem)
		problem = at_end(t);
	if (problem)
		return problem;
	for (*size = 0; *size < r->config->count; ++*size)
		if (r->config->sizes[*size] == bytes)
			return HVO_BOOTPARAM_OK;
	t->at = start;
	return HVO_BOOTPARAM_SIZE;
}

/* ---- parameters ------------------------------------------------------- */

static enum hvo_bootparam_problem hugepagesz(struct reader *r, struct text *t)
{
	const char *start = t->at;
	unsigned size;
	enum hvo_bootparam_problem problem = read_huge(r, t, &size);

	r->before = BAD_SIZE;
	if (problem)
		return problem;
	if (r->size_given[size]) {
		t->at = start;
		return HVO_BOOTPARAM_REPEATED;
	}
	r->size_given[size] = true;
	r->size = size;
	r->before = SIZED;
	return HVO_BOOTPARAM_OK;
}

static enum hvo_bootparam_problem default_hugepagesz(struct reader *r,
						     struct text *t)
{
	const char *start = t->at;
	unsigned size;
	enum hvo_bootparam_problem problem = read_huge(r, t, &size);

	r->before = BAD_SIZE;
	if (problem)
		return problem;
	if (r->out->default_given) {
		t->at = start;
		return HVO_BOOTPARAM_REPEATED;
	}
	r->out->default_given = true;
	r->out->default_size = size;
	r->size = size;
	r->before = SIZED;
	return HVO_BOOTPARAM_OK;
}

/*
 * Where the number goes: to the size before it, or, where this is the first
 * parameter of all, to the default size, whichever that will be. NULL: it must
 * not be said again.
 */
static struct hvo_bootparam_amount *place(struct reader *r)
{
	struct hvo_bootparam_amount *amount = &r->out->pages[r->size];

	if (r->before == FIRST)
		return &r->implicit;
	if (r->before == COUNTED || amount->given)
		return NULL;
	if (r->implicit.given && r->size == r->out->default_size)
		return NULL;
	return amount;
}

static enum hvo_bootparam_problem hugepages(struct reader *r, struct text *t)
{
	struct hvo_bootparam_amount *amount = place(r);
	enum hvo_bootparam_problem problem;

	if (r->before == BAD_SIZE)
		return HVO_BOOTPARAM_ORPHAN;
	if (!amount)
		return HVO_BOOTPARAM_REPEATED;
	problem = read_amount(t, read_count, r->config->nodes, amount);
	if (!problem)
		r->before = COUNTED;
	return problem;
}

static enum hvo_bootparam_problem hugetlb_free_vmemmap(struct reader *r,
						       struct text *t)
{
	enum hvo_bootparam_problem problem = read_bool(t, &r->out->optimize);

	if (!problem)
		r->out->optimize_given = true;
	return problem;
}

static enum hvo_bootparam_problem hugetlb_cma(struct reader *r, struct text *t)
{
	if (r->out->cma.given)
		return HVO_BOOTPARAM_REPEATED;
	return read_amount(t, read_size, r->config->nodes, &r->out->cma);
}

static enum hvo_bootparam_problem hugetlb_cma_only(struct reader *r,
						   struct text *t)
{
	return read_bool(t, &r->out->cma_only);
}

static const struct parameter {
	const char *name;
	enum hvo_bootparam_problem (*read)(struct reader *r, struct text *t);
} parameters[] = {
    {"hugepagesz", hugepagesz},
    {"hugepages", hugepages},
    {"default_hugepagesz", default_hugepagesz},
    {"hugetlb_free_vmemmap", hugetlb_free_vmemmap},
    {"hugetlb_cma", hugetlb_cma},
    {"hugetlb_cma_only", hugetlb_cma_only},
};

/* ---- words ------------------------------------------------------------ */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cut the next word off; false at the end of the line. */
static bool next_word(struct text *line, struct text *word)
{
	bool quoted = false;

	while (line->at < line->end && is_space(*line->at))
		line->at++;
	word->at = line->at;
	for (; line->at < line->end && (quoted || !is_space(*line->at));
	     line->at++)
		quoted ^= *line->at == '"';
	word->end = line->at;
	return word->at < word->end;
}

/* Quotes around what there is. */
static void unquote(struct text *t)
{
	if (!skip_char(t, '"'))
		return;
	if (t->end > t->at && t->end[-1] == '"')
		t->end--;
}

/* Is the word this parameter? Then *value is what is behind the =, if any. */
static bool is_parameter(struct text word, const char *name, struct text *value,
			 bool *any)
{
	unquote(&word);
	while (word.at < word.end && *name &&
	       (*word.at == '-' ? '_' : *word.at) == *name) {
		word.at++;
		name++;
	}
	if (*name || (word.at < word.end && *word.at != '='))
		return false;
	skip_char(&word, '=');
	*any = word.at < word.end;
	*value = word;
	unquote(value);
	return true;
}

static enum hvo_bootparam_problem read_word(struct reader *r, struct text word,
					    struct text *value)
{
	for (unsigned i = 0; i < sizeof(parameters) / sizeof(*parameters);
	     i++) {
		bool any;

		if (!is_parameter(word, parameters[i].name, value, &any))
			continue;
		if (any)
			return parameters[i].read(r, value);
		/* What follows must not be taken for the size before. */
		if (parameters[i].read == hugepagesz ||
		    parameters[i].read == default_hugepagesz)
			r->before = BAD_SIZE;
		return HVO_BOOTPARAM_NO_VALUE;
	}
	return HVO_BOOTPARAM_OK;
}

static bool is_line_end(const struct text *word)
{
	return word->end - word->at == 2 && word->at[0] == '-' &&
	       word->at[1] == '-';
}

/* ---- all -------------------------------------------------------------- */

size_t hvo_bootparam_parse(struct hvo_bootparam *result,
			   const struct hvo_bootparam_config *config,
			   const char *line, size_t length,
			   struct hvo_bootparam_error *errors, size_t room)
{
	struct reader r = {
	    .config = config, .out = result, .size = config->default_size};
	struct text rest = {line, line};
	struct text word;
	size_t bad = 0;

	*result = (struct hvo_bootparam){.default_size = config->default_size};
	while (rest.end < line + length && *rest.end)
		rest.end++;
	while (next_word(&rest, &word) && !is_line_end(&word)) {
		struct text value = word;
		enum hvo_bootparam_problem problem =
		    read_word(&r, word, &value);

		if (problem && bad < room)
			errors[bad] = (struct hvo_bootparam_error){
			    .problem = problem,
			    .word = (size_t)(word.at - line),
			    .length = (size_t)(word.end - word.at),
			    .offset = (size_t)(value.at - line),
			};
		bad += problem != HVO_BOOTPARAM_OK;
	}
	if (r.implicit.given)
		result->pages[result->default_size] = r.implicit;
	return bad;
}

bool hvo_bootparam_config_is_valid(const struct hvo_bootparam_config *config)
{
	if (!config->count || config->count > HVO_BOOTPARAM_SIZES_MAX ||
	    config->default_size >= config->count || !config->nodes ||
	    config->nodes > HVO_BOOTPARAM_NODES_MAX)
		return false;
	for (unsigned i = 0; i < config->count; i++)
		for (unsigned j = 0; j < i; j++)
			if (config->sizes[i] == config->sizes[j])
				return false;
	return true;
}

const char *hvo_bootparam_text(enum hvo_bootparam_problem problem)
{
	static const char *const texts[HVO_BOOTPARAM_PROBLEMS] = {
	    [HVO_BOOTPARAM_OK] = "nothing is wrong",
	    [HVO_BOOTPARAM_NO_VALUE] =
		"there is no value: write NAME=VALUE without spaces",
	    [HVO_BOOTPARAM_SYNTAX] =
		"not a value that this parameter takes: write a number, a list "
		"like 0:2,1:4, or on or off",
	    [HVO_BOOTPARAM_OVERFLOW] =
		"the number is too large: it must be below 2^64",
	    [HVO_BOOTPARAM_SIZE] =
		"there is no huge page of this size: write one that there is",
	    [HVO_BOOTPARAM_NODE] =
		"there is no such node: write one that there is",
	    [HVO_BOOTPARAM_REPEATED] =
		"this was said before: write it once, hugepages= once for each "
		"hugepagesz=",
	    [HVO_BOOTPARAM_ORPHAN] =
		"the size before it is not valid: correct the size first",
	};

	if ((unsigned)problem >= HVO_BOOTPARAM_PROBLEMS)
		return "unknown problem";
	return texts[problem];
}
