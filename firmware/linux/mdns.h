/* A server found by multicast DNS (RFC 6762 and 6763): the messages, without any socket. */
#ifndef VIRTUAL_DEVICE_MDNS_H
#define VIRTUAL_DEVICE_MDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest question. */
#define MDNS_QUERY_MAX 64
/* Longest message (RFC 6762, 17). */
#define MDNS_PACKET_MAX 9000

typedef struct mdns_server {
    uint8_t address[4]; /* IPv4 */
    uint16_t port;
} mdns_server;

/* Writes the question who offers `_camherd._tcp.local`; its length. */
size_t mdns_query(uint8_t to[MDNS_QUERY_MAX]);

/*
 * Reads a server with its address from an answer that came from `source`. Of several addresses the one counts that the
 * answer came from, as that one can be reached, else the first; without any it is `source`. False: there is no server
 * in it, or only one that says goodbye, or it is no such message.
 */
bool mdns_read(const uint8_t *packet, size_t len, const uint8_t source[4], mdns_server *server);

#endif
