/*
 * JSON (RFC 8259): a checker with access to the members of one object, and a writer. Both in bounded memory.
 *
 * Reader contract: `ch_json_object` accepts exactly the texts that are one JSON object (UTF-8, nested at most
 * CH_JSON_DEPTH deep) and lists its members without copying; members beyond the room given are an error, not a
 * silence. Members point into the text. A key that comes twice counts as its last one.
 * Writer contract: what it wrote is valid JSON as long as `text->cut` is false.
 */
#ifndef CAMHERD_JSON_H
#define CAMHERD_JSON_H

#include "camherd/text.h"

/* Deepest nesting: the protocol is flat, and recursion must not eat a small stack. */
#define CH_JSON_DEPTH 8

typedef enum ch_json_kind {
    CH_JSON_NULL,
    CH_JSON_BOOL,
    CH_JSON_NUMBER,
    CH_JSON_STRING,
    CH_JSON_ARRAY,
    CH_JSON_OBJECT
} ch_json_kind;

typedef struct ch_json_member {
    const char *key; /* as written, without quotes, escapes not undone */
    size_t key_len;
    const char *value; /* as written, strings with their quotes */
    size_t value_len;
    ch_json_kind kind;
} ch_json_member;

/* Lists the members of the object that is all of `text`. False if it is none, or has more than `room` members. */
bool ch_json_object(const char *text, size_t len, ch_json_member *members, size_t room, size_t *count);

/* The last member of that name, or NULL. `key` is ASCII without characters that need an escape. */
const ch_json_member *ch_json_find(const ch_json_member *members, size_t count, const char *key);

/* The value as text with escapes undone. False if it is no string, holds U+0000 or does not fit. */
bool ch_json_string(const ch_json_member *member, char *to, size_t size);

/* The value as a number without sign, fraction and exponent, up to `max`. */
bool ch_json_u32(const ch_json_member *member, uint32_t max, uint32_t *value);

bool ch_json_bool(const ch_json_member *member, bool *value);

/* Writer: begin, members in order, end. `key` needs no escapes. Numbers are written without fraction. */
void ch_json_begin(ch_text *text, const char *type); /* {"type":"..." */
void ch_json_put_string(ch_text *text, const char *key, const char *value);
void ch_json_put_u32(ch_text *text, const char *key, uint32_t value);
void ch_json_put_i32(ch_text *text, const char *key, int32_t value);
void ch_json_put_bool(ch_text *text, const char *key, bool value);
void ch_json_end(ch_text *text);
/* A string in quotes with its escapes; bytes that are no UTF-8 become U+FFFD. */
void ch_json_quote(ch_text *text, const char *from);

#endif
