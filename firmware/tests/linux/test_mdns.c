/* What the virtual device reads out of multicast DNS. */
#include "mdns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SERVICE "\x08_camherd\x04_tcp\x05local\0"
#define LEN(text) (sizeof(text) - 1)
static const uint8_t source[4] = {192, 168, 1, 9};

/* As a server answers: PTR, SRV and TXT in compressed names, then two addresses. */
static const char server_answer[] =
    "\0\0\x84\0\0\0\0\1\0\0\0\4" SERVICE "\0\x0c\0\1\0\0\x11\x94\0\x0f\x0c"
    "camherd-bfeb\xc0\x0c\xc0\x2b\0\x21\x80\1\0\0\0\x78\0\x15\0\0\0\0\x99\xcd\x0c"
    "camherd-bfeb\xc0\x1a\xc0\x2b\0\x10\x80\1\0\0\x11\x94\0\1\0\xc0\x4c\0\1\x80\1\0\0\0\x78\0\4\x0a\0\0\1"
    "\xc0\x4c\0\1\x80\1\0\0\0\x78\0\4\xc0\xa8\1\x09";
/* Where the bytes of some fields are. */
#define SRV_TTL 64
#define SRV_PORT 74
#define SRV_HOST 76
#define SOURCE_ADDRESS (LEN(server_answer) - 4)

/* Reads a copy of exactly that size, so that a byte too far is found. */
static bool read_exactly(const char *packet, size_t len, mdns_server *server)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, packet, len);
    bool good = mdns_read(copy, len, source, server);
    free(copy);
    return good;
}

static void a_server_is_found_with_the_address_that_it_answers_from(void **state)
{
    mdns_server server;
    char packet[LEN(server_answer)];
    (void)state;
    assert_true(read_exactly(server_answer, LEN(server_answer), &server));
    assert_int_equal(server.port, 0x99cd);
    assert_memory_equal(server.address, source, 4);
    /* It answers from another one than it names: the first that it names. */
    memcpy(packet, server_answer, sizeof packet);
    packet[SOURCE_ADDRESS] = 1;
    assert_true(read_exactly(packet, sizeof packet, &server));
    assert_memory_equal(server.address, "\x0a\0\0\1", 4);
    /* Its addresses belong to another host: where it answers from. */
    memcpy(packet, server_answer, sizeof packet);
    packet[SRV_HOST + 1] = 'x';
    assert_true(read_exactly(packet, sizeof packet, &server));
    assert_memory_equal(server.address, source, 4);
    /* Names are the same in capitals. */
    memcpy(packet, server_answer, sizeof packet);
    packet[13] = '_';
    packet[14] = 'C';
    assert_true(read_exactly(packet, sizeof packet, &server));
}

static void what_is_cut_off_is_no_server_or_the_same_one(void **state)
{
    (void)state;
    for (size_t len = 0; len < LEN(server_answer); len++) {
        mdns_server server;
        bool found = read_exactly(server_answer, len, &server);
        /* From where the service's record is whole its port is known, and an address there is in any case. */
        assert_int_equal(found, len >= SRV_HOST + 15);
        assert_true(!found || server.port == 0x99cd);
    }
}

static void what_is_no_server_is_not_taken_for_one(void **state)
{
    static const struct {
        size_t at, len;
        const char *bytes;
    } wrong[] = {
        {2, 1, "\0"},             /* a question */
        {3, 1, "\3"},             /* an error */
        {11, 1, "\0"},            /* no record but the first */
        {14, 1, "x"},             /* another service */
        {SRV_TTL - 3, 1, "\1"},   /* a record of another type */
        {SRV_TTL - 1, 1, "\3"},   /* and of another class */
        {SRV_TTL, 4, "\0\0\0\0"}, /* a goodbye */
        {SRV_TTL + 5, 1, "\6"},   /* no host in it */
        {SRV_PORT, 2, "\0\0"},    /* no port */
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mdns_server server;
        char packet[LEN(server_answer)];
        memcpy(packet, server_answer, sizeof packet);
        memcpy(packet + wrong[i].at, wrong[i].bytes, wrong[i].len);
        assert_false(read_exactly(packet, sizeof packet, &server));
    }
}

static void names_that_have_no_end_are_refused(void **state)
{
    /* Pointers to themselves, to each other, forwards, and a label that leads to the pointer behind it. */
    static const char *const names[] = {"\xc0\x0c", "\xc0\x0e\xc0\x0c", "\xc0\x20", "\1a\xc0\x0c"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char packet[64] = "\0\0\x84\0\0\0\0\1\0\0\0";
        mdns_server server;
        memcpy(packet + 12, names[i], strlen(names[i]));
        assert_false(read_exactly(packet, sizeof packet, &server));
    }
    /* A name that is too long, of labels as long as they may be. */
    char packet[12 + 5 * 64 + 64] = "\0\0\x84\0\0\0\0\1\0\0\0";
    mdns_server server;
    for (size_t i = 0; i < 5; i++) {
        memset(packet + 12 + i * 64, 'a', 64);
        packet[12 + i * 64] = 63;
    }
    assert_false(read_exactly(packet, sizeof packet, &server));
}

static void no_byte_leads_astray(void **state)
{
    (void)state;
    for (size_t at = 0; at < LEN(server_answer); at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char packet[LEN(server_answer)];
            mdns_server server;
            memcpy(packet, server_answer, sizeof packet);
            packet[at] = (char)byte;
            /* The sanitizers watch. */
            if (read_exactly(packet, sizeof packet, &server)) {
                assert_int_not_equal(server.port, 0);
            }
        }
    }
}

static void the_question_is_the_one_of_the_board(void **state)
{
    static const char question[] = "\0\0\0\0\0\1\0\0\0\0\0\0" SERVICE "\0\x0c\0\1";
    uint8_t query[MDNS_QUERY_MAX];
    (void)state;
    assert_int_equal(mdns_query(query), LEN(question));
    assert_memory_equal(query, question, LEN(question));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_found_with_the_address_that_it_answers_from),
        cmocka_unit_test(what_is_cut_off_is_no_server_or_the_same_one),
        cmocka_unit_test(what_is_no_server_is_not_taken_for_one),
        cmocka_unit_test(names_that_have_no_end_are_refused),
        cmocka_unit_test(no_byte_leads_astray),
        cmocka_unit_test(the_question_is_the_one_of_the_board),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
