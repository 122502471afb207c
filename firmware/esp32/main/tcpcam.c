/*
 * Sockets of the TCPCam server. One task waits for all of them; what they bring and take goes to and from the core
 * under its lock, without blocking. A frame is sent from the camera's buffer.
 */
#include "app.h"

#include "esp_log.h"
#include "esp_vfs_eventfd.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "lwip/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static const char *TAG = "tcpcam";

#define BACKLOG 4
#define NONE (-1)
/* Longest wait for sockets: the wake-up could be lost only by a fault, and then costs no more than this. */
#define LOOK_S 1
/* PIN and count are a few bytes. */
#define INPUT_SIZE 64
/*
 * Reads of what a client that is closed still said: all that the receive window lets it send without an answer. One
 * that goes on sending must not keep the task, and the lock.
 */
#define LATE_READS (CONFIG_LWIP_TCP_WND_DEFAULT / INPUT_SIZE)

typedef struct peer {
    int fd;
    bool ended;          /* sends no more */
    const uint8_t *data; /* to be sent as soon as the socket takes it; NULL: nothing */
    size_t len;
    bool more;
} peer;

/* All guarded by the core's lock. */
static peer peers[CH_TCPCAM_CLIENTS];
static int listener = NONE;
static int waker = NONE;

/* select() of the task looks anew. */
static void wake(void)
{
    uint64_t one = 1;
    if (waker != NONE && write(waker, &one, sizeof one) != (ssize_t)sizeof one) {
        ESP_LOGD(TAG, "the task wakes within a second");
    }
}

static void forget(int client)
{
    (void)close(peers[client].fd);
    peers[client] = (peer){.fd = NONE};
}

static void gone(int client)
{
    forget(client);
    ch_device_tcpcam_gone(app_device(), now_ms(), client);
}

/* Gives the socket what it takes of the piece at hand. */
static void push(int client)
{
    peer *p = &peers[client];
    ssize_t taken = send(p->fd, p->data, p->len, MSG_DONTWAIT | (p->more ? MSG_MORE : 0));
    if (taken > 0) {
        p->data = NULL;
        ch_device_tcpcam_sent(app_device(), now_ms(), client, (size_t)taken);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        gone(client);
    }
}

void tcpcam_send(const ch_action *action)
{
    peer *p = &peers[action->client];
    if (p->fd == NONE) {
        return;
    }
    p->data = action->data;
    p->len = action->len;
    p->more = action->more;
    push(action->client);
    wake();
}

void tcpcam_close(int client)
{
    char rest[INPUT_SIZE];
    peer *p = &peers[client];
    if (p->fd == NONE) {
        return;
    }
    (void)shutdown(p->fd, SHUT_WR);
    /* What came late is read: unread, it would be answered by a reset, which takes back the last frame. */
    for (int i = 0; i < LATE_READS && recv(p->fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) {
    }
    forget(client);
    wake();
}

void tcpcam_stop(void)
{
    if (listener != NONE) {
        (void)close(listener);
        listener = NONE;
    }
    wake();
}

static int open_listener(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) {
        return NONE;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0) { /* accept() must not wait while the lock is held */
        return fd;
    }
    (void)close(fd);
    return NONE;
}

void tcpcam_listen(uint16_t port)
{
    tcpcam_stop();
    listener = open_listener(port);
    if (listener == NONE) {
        const char *why = errno == EADDRINUSE ? "the port is in use; choose another: tcpcam port <port>"
                                              : "no socket is free; fewer connections help";
        ch_device_event(app_device(), now_ms(), &(ch_event){.kind = CH_EV_TCPCAM_FAILED, .text = why});
    }
    wake();
}

static void welcome(void)
{
    int on = 1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        return; /* it left again */
    }
    int client = ch_device_tcpcam_open(app_device(), now_ms());
    if (client < 0 || client >= CH_TCPCAM_CLIENTS) {
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* without it frames come a little later */
    peers[client] = (peer){.fd = fd};
}

static void read_from(int client)
{
    uint8_t input[INPUT_SIZE];
    ssize_t len = recv(peers[client].fd, input, sizeof input, MSG_DONTWAIT);
    if (len > 0) {
        ch_device_tcpcam_received(app_device(), now_ms(), client, input, (size_t)len);
    } else if (len == 0) {
        peers[client].ended = true;
        ch_device_tcpcam_ended(app_device(), now_ms(), client);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        gone(client);
    }
}

static void add(int fd, fd_set *set, int *largest)
{
    if (fd != NONE) {
        FD_SET(fd, set);
        *largest = fd > *largest ? fd : *largest;
    }
}

static int gather(fd_set *reads, fd_set *writes)
{
    int largest = NONE;
    FD_ZERO(reads);
    FD_ZERO(writes);
    add(waker, reads, &largest);
    app_lock();
    add(listener, reads, &largest);
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        add(peers[i].ended ? NONE : peers[i].fd, reads, &largest);
        add(peers[i].data == NULL ? NONE : peers[i].fd, writes, &largest);
    }
    app_unlock();
    return largest;
}

/* Sockets that select() named may have been closed or exchanged since; reads and writes that do not block bear that. */
static void serve(const fd_set *reads, const fd_set *writes)
{
    app_lock();
    if (listener != NONE && FD_ISSET(listener, reads)) {
        welcome();
    }
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        if (peers[i].fd != NONE && peers[i].data != NULL && FD_ISSET(peers[i].fd, writes)) {
            push(i);
        }
        if (peers[i].fd != NONE && !peers[i].ended && FD_ISSET(peers[i].fd, reads)) {
            read_from(i);
        }
    }
    app_unlock();
    app_wake();
}

static void run(void *unused)
{
    (void)unused;
    for (;;) {
        fd_set reads, writes;
        struct timeval wait = {.tv_sec = LOOK_S};
        int largest = gather(&reads, &writes);
        int ready = select(largest + 1, &reads, &writes, NULL, &wait);
        if (ready < 0) {
            /* A socket was closed meanwhile: the next look is without it. */
            vTaskDelay(pdMS_TO_TICKS(10));
        } else if (ready > 0) {
            uint64_t count;
            if (FD_ISSET(waker, &reads) && read(waker, &count, sizeof count) != (ssize_t)sizeof count) {
                ESP_LOGD(TAG, "somebody else was woken");
            }
            serve(&reads, &writes);
        }
    }
}

bool tcpcam_init(void)
{
    esp_vfs_eventfd_config_t config = ESP_VFS_EVENTD_CONFIG_DEFAULT();
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        peers[i].fd = NONE;
    }
    if (!app_check(esp_vfs_eventfd_register(&config), "waking up the TCPCam server", "Restart the device.")) {
        return false;
    }
    waker = eventfd(0, 0);
    return waker >= 0 && xTaskCreate(run, "tcpcam", STACK_TCPCAM, NULL, PRIORITY_TCPCAM, NULL) == pdPASS;
}
