/*
 * Messages of the device channel, and JSON as such. Asserts that what is taken is within its limits, that what is
 * refused names a member, and that a text read from JSON and written again is read as the same.
 */
#include "camherd/channel.h"
#include "camherd/json.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void check_message(const ch_message *m)
{
    CHECK((m->kind == CH_MSG_INVALID) == (m->error != NULL));
    if (m->kind == CH_MSG_INVALID) {
        CHECK(strchr(m->error, ':') != NULL);
    }
    if (m->kind == CH_MSG_SET) {
        CHECK((m->fields & CH_SET_SIZE) == 0 || m->set.size < CH_SIZES);
        CHECK((m->fields & CH_SET_QUALITY) == 0 || (m->set.quality >= 1 && m->set.quality <= 100));
        CHECK((m->fields & CH_SET_FPS) == 0 || (m->set.fps >= 1 && m->set.fps <= 60));
        CHECK(m->set.led <= 100);
    }
    if (m->kind == CH_MSG_DEMAND) {
        CHECK(m->demand.fps <= 60);
        CHECK(!m->demand.has_size || m->demand.size < CH_SIZES);
    }
    if (m->kind == CH_MSG_UPDATE) {
        CHECK(strncmp(m->update.url, "http", 4) == 0 && strpbrk(m->update.url, " \r\n\t") == NULL);
        CHECK(m->update.size >= 1 && m->update.size <= CH_UPDATE_SIZE_MAX);
        CHECK(m->update.signature_len >= 1 && m->update.signature_len <= CH_SIGNATURE_MAX);
    }
}

/* Every text of the object, written and read again. */
static void check_round_trip(const ch_json_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char first[1200], second[1200], written[8192];
        ch_json_member again;
        ch_text text;
        size_t one;
        CHECK(members[i].value_len > 0);
        if (!ch_json_string(&members[i], first, sizeof first)) {
            continue;
        }
        ch_text_init(&text, written, sizeof written);
        ch_text_put(&text, "{\"k\":");
        ch_json_quote(&text, first);
        ch_json_end(&text);
        CHECK(!text.cut);
        CHECK(ch_json_object(written, text.len, &again, 1, &one) && one == 1);
        CHECK(ch_json_string(&again, second, sizeof second));
        CHECK(ch_same(first, second));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ch_message message;
    ch_json_member members[CH_MEMBERS_MAX];
    size_t count;
    ch_channel_read((const char *)data, size, &message);
    check_message(&message);
    bool object = ch_json_object((const char *)data, size, members, CH_MEMBERS_MAX, &count);
    CHECK(object || message.kind == CH_MSG_IGNORED);
    if (object) {
        check_round_trip(members, count);
        /* An object that is cut off is none. */
        size_t cut = size;
        while (cut > 0 && data[cut - 1] != '}') {
            cut--;
        }
        CHECK(!ch_json_object((const char *)data, cut - 1, members, CH_MEMBERS_MAX, &count));
    }
    return 0;
}
