/* Messages of multicast DNS: names, records (RFC 1035, 4.1), and what a server is among them. */
#include "mdns.h"

#include <string.h>
#include <strings.h>

#define SERVICE "_camherd._tcp.local"
#define HEADER 12
#define TYPE_A 1
#define TYPE_PTR 12
#define TYPE_SRV 33
#define CLASS_IN 1
/* Of the class: the rest of it says that older records are void (RFC 6762, 10.2). */
#define CLASS_MASK 0x7fff
/* Of the flags: an answer, and no error. */
#define FLAG_ANSWER 0x8000
#define FLAGS_WRONG 0x780f
/* Longest name (RFC 1035, 2.3.4) as text, with its end. */
#define NAME_SIZE 256
#define LABEL_MAX 63
/* Top bits of a length: the rest of the name is elsewhere. */
#define POINTER 0xc0

typedef struct reader {
    const uint8_t *packet;
    size_t len, at;
    unsigned records; /* still to be read */
} reader;

typedef struct record {
    char name[NAME_SIZE];
    unsigned type;
    bool gone; /* a goodbye (RFC 6762, 10.1) */
    size_t data, data_len;
} record;

static unsigned u16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Reads the name at `*at` as text without the last dot, and goes behind it. False: it is none. */
static bool read_name(const uint8_t *packet, size_t len, size_t *at, char name[NAME_SIZE])
{
    size_t place = *at, size = 0;
    size_t lowest = place;
    bool jumped = false;
    while (place < len && packet[place] != 0) {
        unsigned label = packet[place++];
        if ((label & POINTER) == POINTER) {
            if (place >= len) {
                return false;
            }
            size_t to = (size_t)(label & ~(unsigned)POINTER) << 8 | packet[place++];
            *at = jumped ? *at : place;
            jumped = true;
            /* Only ever backwards, so that names have an end. */
            if (to >= lowest) {
                return false;
            }
            place = lowest = to;
            continue;
        }
        if (label > LABEL_MAX || label > len - place || size + label + 2 > NAME_SIZE) {
            return false;
        }
        if (size > 0) {
            name[size++] = '.';
        }
        /* A label may hold any byte; what ends a text here can be no part of a name that is looked for. */
        for (unsigned i = 0; i < label; i++) {
            name[size++] = packet[place + i] != 0 ? (char)packet[place + i] : '?';
        }
        place += label;
    }
    if (place >= len) {
        return false;
    }
    *at = jumped ? *at : place + 1;
    name[size] = '\0';
    return true;
}

static bool next_record(reader *r, record *out)
{
    if (r->records == 0 || !read_name(r->packet, r->len, &r->at, out->name) || r->len - r->at < 10) {
        return false;
    }
    const uint8_t *fixed = r->packet + r->at;
    r->records--;
    r->at += 10;
    out->type = (u16(fixed + 2) & CLASS_MASK) == CLASS_IN ? u16(fixed) : 0;
    out->gone = (u16(fixed + 4) | u16(fixed + 6)) == 0;
    out->data = r->at;
    out->data_len = u16(fixed + 8);
    if (out->data_len > r->len - r->at) {
        return false;
    }
    r->at += out->data_len;
    return true;
}

/* At the first record behind the questions. */
static bool open_answer(reader *r, const uint8_t *packet, size_t len)
{
    char name[NAME_SIZE];
    if (len < HEADER || (u16(packet + 2) & FLAG_ANSWER) == 0 || (u16(packet + 2) & FLAGS_WRONG) != 0) {
        return false;
    }
    *r = (reader){packet, len, HEADER, u16(packet + 6) + u16(packet + 8) + u16(packet + 10)};
    for (unsigned questions = u16(packet + 4); questions > 0; questions--) {
        if (!read_name(packet, len, &r->at, name) || len - r->at < 4) {
            return false;
        }
        r->at += 4;
    }
    return true;
}

static bool is_instance(const char *name)
{
    size_t len = strlen(name), tail = sizeof SERVICE - 1;
    return len > tail + 1 && name[len - tail - 1] == '.' && strcasecmp(name + len - tail, SERVICE) == 0;
}

/* The address of a host among the records, else the source. */
static void find_address(reader r, const char *host, const uint8_t source[4], uint8_t address[4])
{
    record a;
    bool found = false;
    memcpy(address, source, 4);
    while (next_record(&r, &a)) {
        if (a.type != TYPE_A || a.gone || a.data_len != 4 || strcasecmp(a.name, host) != 0) {
            continue;
        }
        if (memcmp(r.packet + a.data, source, 4) == 0) {
            memcpy(address, source, 4);
            return;
        }
        if (!found) {
            memcpy(address, r.packet + a.data, 4);
            found = true;
        }
    }
}

bool mdns_read(const uint8_t *packet, size_t len, const uint8_t source[4], mdns_server *server)
{
    reader r, first;
    record srv;
    if (!open_answer(&r, packet, len)) {
        return false;
    }
    first = r;
    while (next_record(&r, &srv)) {
        char host[NAME_SIZE];
        /* Priority, weight, port, host (RFC 2782). */
        size_t at = srv.data + 6;
        if (srv.type != TYPE_SRV || srv.gone || srv.data_len < 7 || !is_instance(srv.name) ||
            u16(packet + srv.data + 4) == 0 || !read_name(packet, srv.data + srv.data_len, &at, host)) {
            continue;
        }
        server->port = (uint16_t)u16(packet + srv.data + 4);
        find_address(first, host, source, server->address);
        return true;
    }
    return false;
}

size_t mdns_query(uint8_t to[MDNS_QUERY_MAX])
{
    static const uint8_t question[] = {0, TYPE_PTR, 0, CLASS_IN};
    const char *label = SERVICE;
    size_t len = HEADER;
    memset(to, 0, MDNS_QUERY_MAX);
    to[5] = 1;
    while (*label != '\0') {
        size_t size = strcspn(label, ".");
        to[len++] = (uint8_t)size;
        memcpy(to + len, label, size);
        len += size;
        label += size + (label[size] == '.' ? 1 : 0);
    }
    len++;
    memcpy(to + len, question, sizeof question);
    return len + sizeof question;
}
