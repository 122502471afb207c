#include "shell.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4
/* Reads of what a client that is closed still said; one that goes on for ever must not keep the program. */
#define LATE_READS 64
/* As little as a small device has, so that a slow client is noticed early. */
#define SEND_BUFFER (32 * 1024)

void tcp_init(tcp *t, ch_device *device)
{
    memset(t, 0, sizeof *t);
    t->device = device;
    t->listener = -1;
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        t->clients[i].fd = -1;
    }
}

const char *tcp_listen(tcp *t, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    tcp_stop(t);
    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->listener < 0) {
        return strerror(errno);
    }
    setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(t->listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(t->listener, BACKLOG) == 0) {
        return NULL;
    }
    const char *why = strerror(errno);
    tcp_stop(t);
    return why;
}

void tcp_stop(tcp *t)
{
    if (t->listener >= 0) {
        close(t->listener);
        t->listener = -1;
    }
}

static void forget(tcp *t, int client)
{
    close(t->clients[client].fd);
    t->clients[client].fd = -1;
    t->clients[client].data = NULL;
}

static void gone(tcp *t, int client)
{
    forget(t, client);
    ch_device_tcpcam_gone(t->device, now_ms(), client);
}

/* Gives the socket what it takes of the piece at hand. */
static void push(tcp *t, int client)
{
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (t->clients[client].more ? MSG_MORE : 0);
    ssize_t taken = send(t->clients[client].fd, t->clients[client].data, t->clients[client].len, flags);
    if (taken > 0) {
        t->clients[client].data = NULL;
        ch_device_tcpcam_sent(t->device, now_ms(), client, (size_t)taken);
    } else if (errno != EAGAIN && errno != EINTR) {
        gone(t, client);
    }
}

void tcp_send(tcp *t, const ch_action *action)
{
    t->clients[action->client].data = action->data;
    t->clients[action->client].len = action->len;
    t->clients[action->client].more = action->more;
    push(t, action->client);
}

void tcp_close(tcp *t, int client)
{
    /* Reading what came late keeps the kernel from answering it with a reset, which would take back the last frame. */
    char rest[256];
    if (t->clients[client].fd < 0) {
        return;
    }
    shutdown(t->clients[client].fd, SHUT_WR);
    for (int i = 0; i < LATE_READS && recv(t->clients[client].fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) {
    }
    forget(t, client);
}

void tcp_cut(tcp *t)
{
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        if (t->clients[i].fd >= 0) {
            gone(t, i);
        }
    }
}

unsigned tcp_poll(const tcp *t, struct pollfd *fds)
{
    unsigned count = 0;
    if (t->listener >= 0) {
        fds[count++] = (struct pollfd){.fd = t->listener, .events = POLLIN};
    }
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        short events = (short)((t->clients[i].ended ? 0 : POLLIN) | (t->clients[i].data != NULL ? POLLOUT : 0));
        if (t->clients[i].fd >= 0) {
            fds[count++] = (struct pollfd){.fd = t->clients[i].fd, .events = events};
        }
    }
    return count;
}

static void accept_one(tcp *t)
{
    int on = 1, size = SEND_BUFFER;
    int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    int client = ch_device_tcpcam_open(t->device, now_ms());
    if (client < 0) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    t->clients[client].fd = fd;
    t->clients[client].ended = false;
    t->clients[client].data = NULL;
}

/* Reads what a client says. */
static void hear(tcp *t, int client, bool hung_up)
{
    uint8_t bytes[256];
    ssize_t len = recv(t->clients[client].fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len > 0) {
        ch_device_tcpcam_received(t->device, now_ms(), client, bytes, (size_t)len);
        return;
    }
    if (len == 0 && !t->clients[client].ended) {
        t->clients[client].ended = true;
        ch_device_tcpcam_ended(t->device, now_ms(), client);
        return;
    }
    bool broken = len < 0 && errno != EAGAIN && errno != EINTR;
    if (broken || hung_up) {
        gone(t, client);
    }
}

static void serve(tcp *t, int client, short events)
{
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        hear(t, client, (events & POLLHUP) != 0);
    }
    if ((events & POLLOUT) != 0 && t->clients[client].fd >= 0 && t->clients[client].data != NULL) {
        push(t, client);
    }
}

void tcp_service(tcp *t, const struct pollfd *fds, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        if (fds[n].revents == 0) {
            continue;
        }
        if (fds[n].fd == t->listener) {
            accept_one(t);
            continue;
        }
        for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
            if (t->clients[i].fd == fds[n].fd) {
                serve(t, i, fds[n].revents);
                break;
            }
        }
    }
}
