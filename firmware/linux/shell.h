/*
 * The virtual device: the Linux shell around the core. One thread, one poll loop.
 *
 * Each part below has its own file and knows the others only by what stands here.
 */
#ifndef VIRTUAL_DEVICE_SHELL_H
#define VIRTUAL_DEVICE_SHELL_H

#include "camherd/device.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>

/* Buffers of the camera; the core holds one fewer at most. */
#define CAMERA_BUFFERS 4
/* Largest picture that a buffer has room for. */
#define PICTURE_MAX ((size_t)4 * 1024 * 1024)
#define NETWORKS_MAX 16
/* Descriptors of one poll: two consoles, the TCPCam port and its clients, the WebSocket, multicast DNS. */
#define POLL_MAX (5 + CH_TCPCAM_CLIENTS)

/* Milliseconds of the monotonic clock. */
ch_ms now_ms(void);

/* --- store.c: settings in a file, one `namespace/key=type:value` each --- */

typedef struct store_file store_file;
/*
 * `path` NULL: settings last as long as the program. Gives NULL, with a message, if the file cannot be read; a damaged
 * line is ignored with a word.
 */
store_file *store_open(const char *path);
void store_close(store_file *store);
ch_store store_interface(store_file *store);
/* Makes writes fail, to see what the device says. */
void store_break(store_file *store, bool broken);

/* --- pictures.c: where frames come from --- */

typedef enum payload { PAYLOAD_CAMERA, PAYLOAD_JPEG, PAYLOAD_HELLO } payload;

typedef struct pictures pictures;
/* `folder` NULL: pictures are drawn. Ends the program with a message if there is no JPEG in it. */
pictures *pictures_open(const char *folder, payload kind);
void pictures_close(pictures *p);
void pictures_setup(pictures *p, const ch_camera *camera);
/* Takes one into a free buffer. False: no buffer is free, or it could not be made. */
bool pictures_take(pictures *p, ch_frame *frame);
void pictures_return(pictures *p, void *handle);
/* All buffers are free, as after a restart. */
void pictures_return_all(pictures *p);
/* What the sensor says of itself. */
ch_sensor pictures_sensor(const pictures *p);

/* --- wifi.c: a simulated network --- */

typedef struct wifi_network {
    char ssid[CH_SSID_MAX + 1], pass[CH_PASS_MAX + 1];
    int8_t rssi;
    uint8_t channel;
} wifi_network;

typedef struct wifi {
    wifi_network networks[NETWORKS_MAX];
    unsigned count;
    bool lost;                                         /* nothing gets through, nothing can be joined */
    ch_ms join_ms;                                     /* how long joining takes */
    char ssid[CH_SSID_MAX + 1], pass[CH_PASS_MAX + 1]; /* asked for */
    uint32_t attempt;
    bool joined;
    ch_ms answer_at; /* CH_NEVER: no attempt is under way */
    ch_ms scan_at;
    unsigned scan_max;
    const wifi_network *at;
} wifi;

/* --- websocket.c: libwebsockets --- */

typedef struct websocket websocket;
/*
 * `ca`: PEM file with whom to trust that a wss:// server is who it says; NULL: whom the system trusts. NULL: out of
 * memory, or the file cannot be read.
 */
websocket *websocket_new(ch_device *device, const char *ca);
void websocket_free(websocket *ws);
void websocket_open(websocket *ws, const ch_action *action);
void websocket_end(websocket *ws);
void websocket_ping(websocket *ws);
void websocket_send(websocket *ws, const ch_action *action, bool text);
/* Kilobits a second that get out, 0: as many as go. */
void websocket_limit(websocket *ws, unsigned kbit_s);
bool websocket_poll(const websocket *ws, struct pollfd *fd);
/* Longest time to wait, in ms, at most `most`. */
int websocket_timeout(const websocket *ws, int most);
void websocket_service(websocket *ws);

/* --- tcp.c: sockets of the TCPCam server --- */

typedef struct tcp {
    ch_device *device;
    int listener;
    struct {
        int fd; /* -1: none */
        bool ended;
        const uint8_t *data; /* to be sent once the socket takes it; NULL: nothing */
        size_t len;
        bool more;
    } clients[CH_TCPCAM_CLIENTS];
} tcp;

void tcp_init(tcp *t, ch_device *device);
/* NULL, or why the port cannot be listened on. */
const char *tcp_listen(tcp *t, uint16_t port);
void tcp_stop(tcp *t);
void tcp_send(tcp *t, const ch_action *action);
void tcp_close(tcp *t, int client);
/* Wi-Fi is gone: so are the clients. */
void tcp_cut(tcp *t);
unsigned tcp_poll(const tcp *t, struct pollfd *fds);
void tcp_service(tcp *t, const struct pollfd *fds, unsigned count);

/* --- discover.c: looks for a server by multicast DNS --- */

typedef struct discovery {
    ch_device *device;
    struct in_addr interface;
    bool on; /* else it is only played, see sim.c */
    int fd;  /* -1: it is not under way */
    uint32_t attempt;
    ch_ms ask_at, until;
} discovery;

/* `interface`: the IPv4 address of this machine on whose network to look; NULL: on none. False: it is no address. */
bool discovery_init(discovery *d, ch_device *device, const char *interface);
/* Answers with CH_EV_FOUND or CH_EV_NOT_FOUND within seconds. */
void discovery_start(discovery *d, uint32_t attempt);
void discovery_stop(discovery *d);
bool discovery_poll(const discovery *d, struct pollfd *fd);
ch_ms discovery_deadline(const discovery *d);
void discovery_tick(discovery *d, ch_ms now);

/* --- terminal.c: lines from stdin or a pseudo-terminal --- */

typedef struct terminal {
    int in, out;
    bool raw;    /* echo and line editing are ours */
    bool prompt; /* a person is there */
    bool open;
    bool ended_cr;
    int keep; /* the pty's other end, so that it outlives its users; -1 */
    char line[CH_LINE_MAX + 2];
    size_t len;
} terminal;

void terminal_stdin(terminal *t);
/* Makes a pty and prints its path. False: it could not be made. */
bool terminal_pty(terminal *t);
void terminal_prompt(terminal *t);
void terminal_print(terminal *t, const char *text, size_t len);
/* Reads what there is; `line` is called for each whole line, without its end. */
void terminal_read(terminal *t, void (*line)(void *context, const char *line), void *context);

/* --- shell.c --- */

typedef struct options {
    const char *store, *pictures, *id, *mdns, *ca;
    payload payload;
    bool pty;
    unsigned lines;
    const char *line[64]; /* to be typed at the start */
} options;

typedef struct shell {
    ch_device device;
    ch_board board;
    store_file *file;
    ch_store store;
    pictures *pictures;
    wifi wifi;
    websocket *ws;
    tcp tcp;
    discovery discovery;
    terminal terminal;
    uint32_t seed;
    /* simulated: */
    char camera_fault[CH_REASON_MAX + 1], update_fault[CH_REASON_MAX + 1];
    char found_host[CH_HOST_MAX + 1];
    uint16_t found_port;
    int8_t temperature;
    bool new_image;  /* an update is written: the next start is its trial */
    ch_ms update_at; /* next step of an update, CH_NEVER: none */
    unsigned update_percent;
    ch_ms vitals_at;
    bool busy_prompt; /* the prompt waits for a scan's end */
    bool quit;
} shell;

bool shell_init(shell *sh, const options *o);
/* Runs until a signal or `sim exit`. The program's exit status. */
int shell_run(shell *sh);
void shell_free(shell *sh);
/* Hands an event to the core. */
void shell_event(shell *sh, const ch_event *event);
void shell_print(shell *sh, const char *text);

/* wifi.c */
void wifi_init(wifi *w);
void wifi_connect(shell *sh, const ch_action *action);
void wifi_disconnect(shell *sh);
void wifi_scan(shell *sh, unsigned max);
void wifi_tick(shell *sh, ch_ms now);
ch_ms wifi_deadline(const wifi *w);
void wifi_lose(shell *sh, bool lost);
void wifi_drop(shell *sh);

/* sim.c: `sim ...` lines, which only this shell has. False: it is none. */
bool sim_line(shell *sh, const char *line);

#endif
