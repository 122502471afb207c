/*
 * Looks for a server by multicast DNS, in place of what ESP-IDF's component does on the board. It asks from the
 * standard port, so that the answer comes to the group, where any number of programs of a machine hear it.
 */
#include "mdns.h"
#include "shell.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP "224.0.0.251"
#define PORT 5353
/* As on the board: answers take a second at most (RFC 6762, 6). */
#define SEARCH_MS 4000
/* The first question may be lost (RFC 6762, 5.2: a second between the first two). */
#define ASK_EVERY_MS 1000

static struct sockaddr_in group(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, GROUP, &address.sin_addr);
    return address;
}

static bool set(int fd, int level, int option, const void *value, size_t size)
{
    return setsockopt(fd, level, option, value, (socklen_t)size) == 0;
}

/* A socket that hears the group on one interface only, or -1. */
static int open_socket(struct in_addr interface)
{
    int on = 1, off = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unsigned char ttl = 255;
    struct sockaddr_in address = group();
    struct ip_mreq member = {address.sin_addr, interface};
    if (fd < 0) {
        return -1;
    }
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) && set(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) &&
        set(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off) &&
        set(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) &&
        set(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member)) {
        return fd;
    }
    close(fd);
    return -1;
}

bool discovery_init(discovery *d, ch_device *device, const char *interface)
{
    *d = (discovery){.device = device, .fd = -1, .on = interface != NULL};
    return interface == NULL || inet_pton(AF_INET, interface, &d->interface) == 1;
}

void discovery_stop(discovery *d)
{
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
}

static void answer(discovery *d, const char *host, uint16_t port)
{
    ch_event event = {
        .kind = host != NULL ? CH_EV_FOUND : CH_EV_NOT_FOUND, .attempt = d->attempt, .text = host, .number = port};
    discovery_stop(d);
    ch_device_event(d->device, now_ms(), &event);
}

void discovery_start(discovery *d, uint32_t attempt)
{
    ch_ms now = now_ms();
    discovery_stop(d);
    d->attempt = attempt;
    d->fd = open_socket(d->interface);
    d->until = now + SEARCH_MS;
    d->ask_at = now;
    if (d->fd < 0) {
        answer(d, NULL, 0);
    }
}

bool discovery_poll(const discovery *d, struct pollfd *fd)
{
    *fd = (struct pollfd){.fd = d->fd, .events = POLLIN};
    return d->fd >= 0;
}

ch_ms discovery_deadline(const discovery *d)
{
    if (d->fd < 0) {
        return CH_NEVER;
    }
    return d->ask_at < d->until ? d->ask_at : d->until;
}

/* All that has come so far; the first server of it. */
static void hear(discovery *d)
{
    static uint8_t packet[MDNS_PACKET_MAX];
    struct sockaddr_in from = {0};
    mdns_server server;
    while (d->fd >= 0) {
        socklen_t size = sizeof from;
        ssize_t len = recvfrom(d->fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &size);
        if (len < 0) {
            return;
        }
        /* What comes from another port is no answer (RFC 6762, 6). */
        if (size == sizeof from && from.sin_port == htons(PORT) &&
            mdns_read(packet, (size_t)len, (const uint8_t *)&from.sin_addr, &server)) {
            char host[INET_ADDRSTRLEN];
            inet_ntop(AF_INET, server.address, host, sizeof host);
            answer(d, host, server.port);
        }
    }
}

void discovery_tick(discovery *d, ch_ms now)
{
    hear(d);
    if (d->fd >= 0 && now >= d->until) {
        answer(d, NULL, 0);
    }
    if (d->fd >= 0 && now >= d->ask_at) {
        struct sockaddr_in to = group();
        uint8_t query[MDNS_QUERY_MAX];
        size_t len = mdns_query(query);
        d->ask_at = now + ASK_EVERY_MS;
        if (sendto(d->fd, query, len, 0, (const struct sockaddr *)&to, sizeof to) < 0) {
            /* Asked again in a moment: the network may not be there yet. */
            return;
        }
    }
}
