/* SPDX-License-Identifier: MIT */
#include "print.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include "arch.h"

/* What stands between % and the letter. */
struct conversion {
	bool alternate, left, zeros;
	int width, precision; /* precision: -1 if none */
	unsigned bytes;       /* of a number */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *read_flags(const char *at, struct conversion *c)
{
	for (;; at++) {
		if (*at == '#')
			c->alternate = true;
		else if (*at == '-')
			c->left = true;
		else if (*at == '0')
			c->zeros = true;
		else
			return at;
	}
}

static const char *read_count(const char *at, int *count, int argument)
{
	if (*at == '*') {
		*count = argument;
		return at + 1;
	}
	for (*count = 0; is_digit(*at); at++)
		*count = *count * 10 + (*at - '0');
	return at;
}

static const char *read_length(const char *at, struct conversion *c)
{
	c->bytes = sizeof(int);
	for (; *at == 'h' || *at == 'l' || *at == 'z'; at++)
		c->bytes = *at == 'h' ? sizeof(int) : sizeof(long);
	return at;
}

/* ---- output -------------------------------------------------------------- */

static void pad(struct hvo_line *line, const struct conversion *c, size_t used,
		bool left)
{
	for (size_t i = used; c->left == left && i < (size_t)c->width; i++)
		hvo_line_text(line, " ");
}

static void put_text(struct hvo_line *line, const struct conversion *c,
		     const char *text)
{
	size_t n = c->precision < 0 ? strlen(text)
				    : strnlen(text, (size_t)c->precision);

	pad(line, c, n, false);
	for (size_t i = 0; i < n; i++)
		hvo_line_text(line, (char[]){text[i], 0});
	pad(line, c, n, true);
}

static void put_number(struct hvo_line *line, const struct conversion *c,
		       uint64_t n, unsigned base, bool negative)
{
	char text[40];
	struct hvo_line number = hvo_line_in(text, sizeof(text));
	struct conversion whole = {
	    .width = c->width, .left = c->left, .precision = -1};
	size_t digits = 0;

	if (negative)
		hvo_line_text(&number, "-");
	if (c->alternate && base == 16)
		hvo_line_text(&number, "0x");
	if (c->precision > 0)
		digits = (size_t)c->precision;
	else if (c->zeros && !c->left && (size_t)c->width > number.used)
		digits = (size_t)c->width - number.used;
	hvo_line_number(&number, n, base, digits < 20 ? digits : 20);
	put_text(line, &whole, text);
}

static void put_signed(struct hvo_line *line, const struct conversion *c,
		       int64_t n)
{
	put_number(line, c, n < 0 ? -(uint64_t)n : (uint64_t)n, 10, n < 0);
}

/* ---- formatting ---------------------------------------------------------- */

/* va_list may be an array: a pointer to a struct is the same everywhere. */
struct arguments {
	va_list list;
};

static int64_t next_signed(struct arguments *a, const struct conversion *c)
{
	return c->bytes == sizeof(int) ? va_arg(a->list, int)
				       : va_arg(a->list, long);
}

static uint64_t next_unsigned(struct arguments *a, const struct conversion *c)
{
	return c->bytes == sizeof(int) ? va_arg(a->list, unsigned)
				       : va_arg(a->list, unsigned long);
}

static void convert(struct hvo_line *line, const struct conversion *c,
		    char letter, struct arguments *a)
{
	switch (letter) {
	case 's':
		put_text(line, c, va_arg(a->list, const char *));
		break;
	case 'c':
		put_text(line, c, (char[]){(char)va_arg(a->list, int), 0});
		break;
	case 'd':
		put_signed(line, c, next_signed(a, c));
		break;
	case 'u':
		put_number(line, c, next_unsigned(a, c), 10, false);
		break;
	case 'x':
		put_number(line, c, next_unsigned(a, c), 16, false);
		break;
	default:
		hvo_line_text(line, (char[]){letter, 0});
	}
}

static const char *conversion(struct hvo_line *line, const char *at,
			      struct arguments *a)
{
	struct conversion c = {.precision = -1};

	at = read_flags(at, &c);
	at = read_count(at, &c.width, *at == '*' ? va_arg(a->list, int) : 0);
	if (*at == '.') {
		at++;
		at = read_count(at, &c.precision,
				*at == '*' ? va_arg(a->list, int) : 0);
	}
	at = read_length(at, &c);
	convert(line, &c, *at, a);
	return at + 1;
}

void kernel_format(struct hvo_line *line, const char *format, va_list args)
{
	struct arguments a;

	va_copy(a.list, args);
	while (*format) {
		if (*format == '%')
			format = conversion(line, format + 1, &a);
		else
			hvo_line_text(line, (char[]){*format++, 0});
	}
	va_end(a.list);
}

/* ---- the console --------------------------------------------------------- */

static _Atomic bool printing, alone;

void kernel_print_alone(void)
{
	atomic_store(&alone, true);
}

static void put(const struct hvo_line *line)
{
	while (atomic_exchange(&printing, true) && !atomic_load(&alone))
		arch_relax();
	arch_console(line->text, line->used);
	atomic_store(&printing, false);
}

void kernel_print(const char *format, ...)
{
	char text[512];
	struct hvo_line line = hvo_line_in(text, sizeof(text));
	va_list args;

	va_start(args, format);
	kernel_format(&line, format, args);
	va_end(args);
	put(&line);
}

void kernel_put_line(void *ctx, const char *line)
{
	(void)ctx;
	kernel_print("%s\n", line);
}
