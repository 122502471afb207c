/*
 * The WebSocket by libwebsockets. Its client masks in place (RFC 6455, 5.3, asks for masking), which must not happen
 * to a frame that others still send: each fragment is masked in a buffer of its own, so no more than a fragment of a
 * frame is ever there twice.
 */
#include "shell.h"

#include <libwebsockets.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As the device's client: longer messages go out in fragments. */
#define FRAGMENT ((size_t)16 * 1024)
/* As little as a small device has: what lies in it is too late to be replaced by a newer frame. */
#define SEND_BUFFER (32 * 1024)
/* While connecting the library tells no descriptor to wait for. */
#define CONNECTING_POLL_MS 5
#define URL_SIZE 512

struct websocket {
    ch_device *device;
    struct lws_context *context;
    struct lws *wsi; /* of the attempt; older ones end in silence */
    uint32_t attempt;
    bool up, ping;
    bool over; /* the attempt has ended, and the core has been told */
    char token[CH_TOKEN_MAX + 1];
    const char *distrust; /* what is wrong with the server's certificate; NULL: nothing that is known */
    /* message on its way out */
    const uint8_t *data;
    size_t len, done;
    bool sending, text;
    ch_ms resume; /* not before, when the rate is limited */
    unsigned kbit_s;
    /* message that comes in */
    char in[CH_MESSAGE_MAX];
    size_t in_len;
    bool in_too_long;
    uint8_t out[LWS_PRE + FRAGMENT];
};

static void tell(websocket *ws, ch_event_kind kind, const char *text, size_t len, bool alive)
{
    ch_event event = {.kind = kind, .attempt = ws->attempt, .text = text, .len = len, .alive = alive};
    ch_device_event(ws->device, now_ms(), &event);
}

static void down(websocket *ws, const char *reason, bool alive)
{
    ws->wsi = NULL;
    if (ws->over) {
        return;
    }
    ws->over = true;
    ws->up = false;
    ws->sending = false;
    tell(ws, CH_EV_WS_DOWN, reason, 0, alive);
}

static int add_token(websocket *ws, struct lws *wsi, unsigned char **at, unsigned char *end)
{
    char value[sizeof "Bearer " + CH_TOKEN_MAX];
    if (ws->token[0] == '\0') {
        return 0;
    }
    int len = snprintf(value, sizeof value, "Bearer %s", ws->token);
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (unsigned char *)value, len, at, end);
}

static void receive(websocket *ws, struct lws *wsi, const char *bytes, size_t len)
{
    if (lws_is_first_fragment(wsi)) {
        ws->in_len = 0;
        ws->in_too_long = false;
    }
    if (len > sizeof ws->in - ws->in_len) {
        ws->in_too_long = true;
    } else {
        memcpy(ws->in + ws->in_len, bytes, len);
        ws->in_len += len;
    }
    if (!lws_is_final_fragment(wsi)) {
        return;
    }
    if (ws->in_too_long || lws_frame_is_binary(wsi)) {
        tell(ws, CH_EV_WS_HEARD, NULL, 0, false);
    } else {
        tell(ws, CH_EV_WS_TEXT, ws->in, ws->in_len, false);
    }
}

/* Sends the next fragment. Negative: the connection is broken. */
static int send_fragment(websocket *ws, struct lws *wsi)
{
    size_t len = ws->len - ws->done < FRAGMENT ? ws->len - ws->done : FRAGMENT;
    bool first = ws->done == 0, last = ws->done + len == ws->len;
    int kind = !first ? LWS_WRITE_CONTINUATION : ws->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    memcpy(ws->out + LWS_PRE, ws->data + ws->done, len);
    if (lws_write(wsi, ws->out + LWS_PRE, len, (enum lws_write_protocol)(kind | (last ? 0 : LWS_WRITE_NO_FIN))) < 0) {
        return -1;
    }
    ws->done += len;
    if (ws->kbit_s != 0) {
        ws->resume = now_ms() + len * 8 / ws->kbit_s;
    }
    return 0;
}

static int writeable(websocket *ws, struct lws *wsi)
{
    if (ws->ping && (!ws->sending || ws->done == 0 || ws->done == ws->len)) {
        ws->ping = false;
        lws_callback_on_writable(wsi);
        return lws_write(wsi, ws->out + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
    }
    if (!ws->sending || now_ms() < ws->resume) {
        return 0;
    }
    if (ws->done == ws->len) {
        /* Writable again after the last fragment: the kernel has all of it. */
        ws->sending = false;
        tell(ws, CH_EV_WS_SENT, NULL, 0, false);
        return 0;
    }
    if (send_fragment(ws, wsi) < 0) {
        return -1;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    websocket *ws = lws_context_user(lws_get_context(wsi));
    int size = SEND_BUFFER;
    if (ws == NULL || wsi != ws->wsi) {
        return 0;
    }
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return add_token(ws, wsi, in, *(unsigned char **)in + len);
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        if (len == 0) { /* the library refuses it, and keeps the reason to itself */
            ws->distrust = X509_verify_cert_error_string(X509_STORE_CTX_get_error(user));
        }
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        ws->up = true;
        setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        tell(ws, CH_EV_WS_UP, NULL, 0, true);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
        char text[CH_REASON_MAX + 1] = "cannot connect";
        unsigned status = lws_http_client_http_response(wsi);
        if (ws->distrust != NULL) {
            snprintf(text, sizeof text, "bad-certificate: %s", ws->distrust);
        } else if (status != 0) {
            snprintf(text, sizeof text, "HTTP status %u", status);
        } else if (in != NULL && len > 0) {
            snprintf(text, sizeof text, "%.*s", (int)len, (const char *)in);
        }
        down(ws, text, status != 0);
        break;
    }
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED:
        down(ws, "closed by the server", true);
        break;
    case LWS_CALLBACK_WSI_DESTROY:
        /* However it ended: the handle is void from here on. */
        down(ws, "cannot connect", false);
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: {
        char text[CH_REASON_MAX + 1];
        const unsigned char *body = in;
        snprintf(text, sizeof text, "closed %u %.*s", len < 2 ? 1005 : body[0] * 256u + body[1],
                 len < 2 ? 0 : (int)(len - 2), len < 2 ? "" : (const char *)body + 2);
        down(ws, text, true);
        return -1;
    }
    case LWS_CALLBACK_CLIENT_RECEIVE:
        receive(ws, wsi, in, len);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        tell(ws, CH_EV_WS_HEARD, NULL, 0, false);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return writeable(ws, wsi);
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "camera", .callback = callback, .rx_buffer_size = CH_MESSAGE_MAX},
    {.name = NULL},
};

websocket *websocket_new(ch_device *device, const char *ca)
{
    if (ca != NULL && access(ca, R_OK) != 0) {
        fprintf(stderr, "virtual-device: --ca %s cannot be read\n", ca);
        return NULL;
    }
    websocket *ws = calloc(1, sizeof *ws);
    if (ws == NULL) {
        return NULL;
    }
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = ws,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .client_ssl_ca_filepath = ca,
        .gid = -1,
        .uid = -1,
    };
    ws->device = device;
    lws_set_log_level(0, NULL);
    ws->context = lws_create_context(&info);
    if (ws->context == NULL) {
        free(ws);
        return NULL;
    }
    return ws;
}

void websocket_free(websocket *ws)
{
    if (ws != NULL) {
        ws->wsi = NULL;
        lws_context_destroy(ws->context);
        free(ws);
    }
}

void websocket_end(websocket *ws)
{
    struct lws *wsi = ws->wsi;
    ws->wsi = NULL;
    ws->over = true;
    ws->up = false;
    ws->sending = false;
    ws->ping = false;
    if (wsi != NULL) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    }
}

void websocket_open(websocket *ws, const ch_action *action)
{
    char url[URL_SIZE], path[URL_SIZE];
    const char *scheme, *host, *rest;
    int port;
    websocket_end(ws);
    ws->attempt = action->attempt;
    ws->over = false;
    ws->resume = 0;
    ws->distrust = NULL;
    ch_copy(ws->token, sizeof ws->token, action->token);
    if (!ch_copy(url, sizeof url, action->url) || lws_parse_uri(url, &scheme, &host, &port, &rest) != 0) {
        down(ws, "the URL is not understood", false);
        return;
    }
    snprintf(path, sizeof path, "/%s", rest);
    struct lws_client_connect_info info = {
        .context = ws->context,
        .address = host,
        .host = host,
        .port = port,
        .path = path,
        .ssl_connection = strcmp(scheme, "wss") == 0 ? LCCSCF_USE_SSL : 0,
        .local_protocol_name = protocols[0].name,
        .pwsi = &ws->wsi,
    };
    if (lws_client_connect_via_info(&info) == NULL) {
        /* Some failures come by the callback as well; the handle may have been stored and be void again. */
        down(ws, "cannot connect", false);
    }
}

void websocket_ping(websocket *ws)
{
    if (ws->up) {
        ws->ping = true;
        lws_callback_on_writable(ws->wsi);
    }
}

void websocket_send(websocket *ws, const ch_action *action, bool text)
{
    if (!ws->up || action->attempt != ws->attempt) {
        return;
    }
    ws->data = action->data;
    ws->len = action->len;
    ws->done = 0;
    ws->text = text;
    ws->sending = true;
    lws_callback_on_writable(ws->wsi);
}

void websocket_limit(websocket *ws, unsigned kbit_s)
{
    ws->kbit_s = kbit_s;
}

bool websocket_poll(const websocket *ws, struct pollfd *fd)
{
    if (ws->wsi == NULL) {
        return false;
    }
    *fd = (struct pollfd){.fd = lws_get_socket_fd(ws->wsi), .events = POLLIN};
    if (ws->up && ((ws->sending && now_ms() >= ws->resume) || ws->ping)) {
        fd->events |= POLLOUT;
    }
    return fd->fd >= 0;
}

int websocket_timeout(const websocket *ws, int most)
{
    int least = lws_service_adjust_timeout(ws->context, most, 0);
    if (ws->wsi != NULL && !ws->up && least > CONNECTING_POLL_MS) {
        return CONNECTING_POLL_MS;
    }
    if (ws->sending && ws->resume != 0) {
        ch_ms now = now_ms();
        ch_ms wait = ws->resume > now ? ws->resume - now : 0;
        return wait < (ch_ms)least ? (int)wait : least;
    }
    return least;
}

void websocket_service(websocket *ws)
{
    if (ws->up && ws->sending && now_ms() >= ws->resume) {
        lws_callback_on_writable(ws->wsi);
    }
    lws_service(ws->context, -1);
}
