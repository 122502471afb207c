/*
 * A camera for camherd, on one page, for the Arduino IDE. The firmware in ../../esp32 does more (console, settings that
 * last, updates, adapting to the network); this does one thing: it sends pictures.
 *
 * Boards manager: "esp32 by Espressif Systems" 3.x. Library manager: "WebSockets by Markus Sattler" 2.6 or newer.
 * Tools menu, AtomS3R-CAM: board "ESP32S3 Dev Module", PSRAM "OPI PSRAM", USB CDC On Boot "Enabled". ("M5AtomS3" is
 * another device, without PSRAM.)
 * Tools menu, ESP32-CAM: board "AI Thinker ESP32-CAM" (its PSRAM is on).
 */
#include <WebSocketsClient.h>
#include <WiFi.h>
#include <esp_camera.h>

// Yours:
#define BOARD_ATOMS3R_CAM // or BOARD_ESP32_CAM
const char *WIFI_SSID = "your network";
const char *WIFI_PASS = "its password";
const char *SERVER = "192.168.1.2"; // where camherd runs
const uint16_t PORT = 8080;
const char *PATH = "/ws/camera/porch"; // the last part is the stream's name
const char *TOKEN = "";                // "Bearer ..." if the server asks for a token
const framesize_t SIZE = FRAMESIZE_VGA;
const int QUALITY = 12; // 4 good to 63 bad; below 10 pictures get large
const uint32_t FPS = 15;

#if defined(BOARD_ATOMS3R_CAM)
const int PWDN = -1, XCLK = 21, SDA_PIN = 12, SCL_PIN = 9, VSYNC = 10, HREF = 14, PCLK = 40;
const int D[8] = {3, 42, 46, 48, 4, 17, 11, 13};
const int POWER = 18; // the camera's supply: on while low
#elif defined(BOARD_ESP32_CAM)
const int PWDN = 32, XCLK = 0, SDA_PIN = 26, SCL_PIN = 27, VSYNC = 25, HREF = 23, PCLK = 22;
const int D[8] = {5, 18, 19, 21, 36, 39, 34, 35};
const int POWER = -1;
#else
#error "Choose a board above."
#endif

WebSocketsClient webSocket;
uint32_t lastFrame = 0, lastWord = 0;

esp_err_t startCamera(pixformat_t format) {
  camera_config_t config = {};
  config.pin_pwdn = PWDN;
  config.pin_reset = -1;
  config.pin_xclk = XCLK;
  config.pin_sccb_sda = SDA_PIN;
  config.pin_sccb_scl = SCL_PIN;
  config.pin_d0 = D[0];
  config.pin_d1 = D[1];
  config.pin_d2 = D[2];
  config.pin_d3 = D[3];
  config.pin_d4 = D[4];
  config.pin_d5 = D[5];
  config.pin_d6 = D[6];
  config.pin_d7 = D[7];
  config.pin_vsync = VSYNC;
  config.pin_href = HREF;
  config.pin_pclk = PCLK;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = format;
  config.frame_size = SIZE;
  config.jpeg_quality = QUALITY;
  config.fb_count = 2;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_LATEST;
  return esp_camera_init(&config);
}

// Says what is wrong, and goes on saying it: whoever opens the serial monitor late sees it too.
void stop(const char *why) {
  for (;;) {
    Serial.println(why);
    delay(5000);
  }
}

void onSocket(WStype_t type, uint8_t *payload, size_t length) {
  (void)payload; // commands of the server, which this sketch does not know
  (void)length;
  if (type == WStype_CONNECTED) {
    Serial.println("connected: pictures are sent");
  }
}

void setup() {
  Serial.begin(115200);
  if (!psramFound()) {
    stop("no PSRAM: choose it in the Tools menu (AtomS3R-CAM: OPI PSRAM)");
  }
  if (POWER >= 0) {
    pinMode(POWER, OUTPUT);
    digitalWrite(POWER, LOW);
    delay(1000); // the sensor needs it to wake up
  }
  esp_err_t err = startCamera(PIXFORMAT_JPEG);
  if (err == ESP_ERR_NOT_SUPPORTED) {
    err = startCamera(PIXFORMAT_RGB565); // a sensor without a JPEG encoder, such as GC0308
  }
  if (err != ESP_OK) {
    Serial.printf("camera: error 0x%x\n", (unsigned)err);
    stop("the camera does not start: check the board chosen above, and the camera's cable");
  }
  WiFi.mode(WIFI_STA);
  WiFi.setSleep(false); // the radio's naps would delay pictures
  WiFi.begin(WIFI_SSID, WIFI_PASS);
  while (WiFi.status() != WL_CONNECTED) {
    Serial.println("joining the network ...");
    delay(1000);
  }
  webSocket.begin(SERVER, PORT, PATH);
  if (TOKEN[0] != '\0') {
    webSocket.setAuthorization(TOKEN);
  }
  webSocket.onEvent(onSocket);
  webSocket.setReconnectInterval(5000);
  webSocket.enableHeartbeat(10000, 5000, 2); // a silent connection is ended and opened anew
}

void sendPicture() {
  camera_fb_t *fb = esp_camera_fb_get();
  if (fb == NULL) {
    Serial.println("no picture: check the camera's cable");
    return;
  }
  if (fb->format == PIXFORMAT_JPEG) {
    webSocket.sendBIN(fb->buf, fb->len);
  } else {
    uint8_t *jpeg = NULL;
    size_t length = 0;
    if (frame2jpg(fb, 80, &jpeg, &length)) {
      webSocket.sendBIN(jpeg, length);
    }
    free(jpeg);
  }
  esp_camera_fb_return(fb);
}

void loop() {
  webSocket.loop(); // opens the connection, and opens it again when it is lost
  if (webSocket.isConnected()) {
    if (millis() - lastFrame >= 1000 / FPS) {
      lastFrame = millis();
      sendPicture();
    }
  } else if (millis() - lastWord >= 5000) {
    lastWord = millis();
    Serial.println("not connected: is the server up, and does it let this device in (--ingest)?");
  }
}
