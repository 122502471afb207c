/*
 * Ten times as much bad luck as there is time for: the ESP32 shell with its core, on stand-ins that lose networks,
 * connections and pictures, while somebody types and TCPCam clients come and go.
 *
 * shell-stress [seconds] [jpeg|raw]
 */
#include "fakes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TCPCAM_PORT 33330
#define PICTURE_MAX 200000
#define PEERS 5
/* What a device that has closed a connection may still take of it: more than any kernel keeps in buffers. */
#define FLOOD_MAX (64u * 1024 * 1024)
#define FLOODS 10

void app_main(void);

static atomic_bool done;
static atomic_uint received;

static bool read_all(int fd, uint8_t *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = recv(fd, to + at, len - at, 0);
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(TCPCAM_PORT)};
    struct timeval wait = {.tv_sec = 1};
    int small = 8192;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* One connection: some pictures, slowly or fast, to the end or not. */
static void watch(uint8_t *room)
{
    int fd = dial();
    if (fd < 0) {
        sleep_ms(50);
        return;
    }
    const char *request = chance(5) == 0 ? "12353" : "12350";
    bool slow = chance(3) == 0;
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) > 0) {
        for (unsigned left = 1 + chance(60); left > 0; left--) {
            uint8_t head[4];
            if (!read_all(fd, head, 4)) {
                break;
            }
            size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
            if (len > PICTURE_MAX) {
                broken("a TCPCam length is none");
            }
            if (!read_all(fd, room, len)) {
                break;
            }
            if (!is_picture(room, len)) {
                broken("a TCPCam picture is not whole");
            }
            atomic_fetch_add(&received, 1);
            sleep_ms(slow ? 100 : 0);
        }
    }
    close(fd);
}

static void *peer(void *unused)
{
    uint8_t *room = malloc(PICTURE_MAX);
    while (!atomic_load(&done)) {
        watch(room);
    }
    free(room);
    return unused;
}

static void type_something(void)
{
    static const char *const lines[] = {
        "cam set size 320x240", "cam set size 640x480",  "cam set size 160x120", "cam set fps 60",   "cam set hflip 1",
        "cam power 0",          "cam power 1",           "cam power 1",          "cam dump",         "wifi scan",
        "wifi status",          "stream stop",           "stream start",         "stream start",     "sys info",
        "stream status",        "stream set port 8081",  "stream set name door", "wifi disconnect",  "wifi connect",
        "wifi connect",         "tcpcam off",            "tcpcam on",            "tcpcam on",        "help cam",
        "stream clear",         "stream set host there", "stream set token secret", "cam set adapt 0", "nonsense",
    };
    const char *line = lines[chance(sizeof lines / sizeof lines[0])];
    if (strcmp(line, "nonsense") != 0) {
        type_line(line);
    }
}

static void must(bool good, const char *what)
{
    if (!good) {
        broken(what);
    }
}

/* After all of that the device must send pictures again, by itself or by what a person would type. */
static void recover(void)
{
    unsigned before, seen;
    atomic_store(&chaos, false);
    type_line("cam power 1");
    type_line("stream set host there");
    type_line("stream start");
    type_line("tcpcam on");
    type_line("wifi connect");
    before = atomic_load(&frames_sent);
    seen = atomic_load(&received);
    for (int i = 0; i < 600 && (atomic_load(&frames_sent) < before + 5 || atomic_load(&received) < seen + 5); i++) {
        sleep_ms(100);
    }
    must(atomic_load(&frames_sent) >= before + 5, "no pictures are sent after the bad luck is over");
    must(atomic_load(&received) >= seen + 5, "no TCPCam pictures come after the bad luck is over");
}

/*
 * An update stands still until the device gives it up, and then ends well: the stand-ins end the program if the device
 * takes it. The next one begins.
 */
static void update_too_slow(void)
{
    atomic_store(&updates_stall, true);
    for (int i = 0; i < 6000 && !atomic_load(&update_given_up); i++) {
        sleep_ms(100);
    }
    must(atomic_load(&update_given_up), "an update that stands still is not given up");
    unsigned before = atomic_load(&updates);
    atomic_store(&updates_stall, false);
    for (int i = 0; i < 6000 && atomic_load(&updates) < before + 2; i++) {
        sleep_ms(100);
    }
    must(atomic_load(&updates) >= before + 2, "after an update that was given up no other one begins");
}

/* A client that the device closes, for a count that is none, sends on and on. */
static void flood(void)
{
    static const uint8_t endless[65536] = {'1', '2', '3', '5', 'x'};
    struct timeval wait = {.tv_sec = 20};
    size_t taken = 0;
    int fd = dial();
    must(fd >= 0, "a TCPCam client finds nobody");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    ssize_t sent;
    while ((sent = send(fd, endless, sizeof endless, MSG_NOSIGNAL)) > 0) {
        taken += (size_t)sent;
        must(taken < FLOOD_MAX, "a TCPCam client is read from for as long as it sends");
    }
    must(errno != EAGAIN, "a TCPCam client that sends nonsense is not closed");
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    pthread_t peers[PEERS];
    sensor_encodes = argc < 3 || strcmp(argv[2], "raw") != 0;
    signal(SIGPIPE, SIG_IGN); /* lwIP knows no signals */
    app_main();
    type_line("wifi set Home password1 save");
    type_line("stream set host there save");
    type_line("stream set token secret save");
    type_line("tcpcam port 33330");
    type_line("tcpcam on save");
    for (int i = 0; i < PEERS; i++) {
        pthread_create(&peers[i], NULL, peer, NULL);
    }
    atomic_store(&chaos, true);
    for (unsigned i = 0; i < seconds * 10; i++) {
        type_something();
        sleep_ms(500 + chance(1000));
    }
    recover();
    update_too_slow();
    atomic_store(&done, true);
    for (int i = 0; i < PEERS; i++) {
        pthread_join(peers[i], NULL);
    }
    for (int i = 0; i < FLOODS; i++) {
        flood();
        sleep_ms(200); /* for the device to have room for the next one */
    }
    fprintf(stderr,
            "shell-stress: %u Wi-Fi joins, %u connections, %u camera starts, %u pictures taken, %u sent, %u over TCPCam, "
            "%u texts, %u updates broken off; no promise broken\n",
            atomic_load(&wifi_joins), atomic_load(&connections), atomic_load(&driver_starts),
            atomic_load(&pictures_taken), atomic_load(&frames_sent), atomic_load(&received), atomic_load(&texts_sent),
            atomic_load(&updates));
    /* The device's tasks never end. */
    fflush(NULL);
    _exit(0);
}
