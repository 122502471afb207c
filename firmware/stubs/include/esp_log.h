#pragma once
#define STUB_PRINTF __attribute__((format(printf, 2, 3)))
void stub_log(const char *tag, const char *format, ...) STUB_PRINTF;
#define ESP_LOGE(tag, ...) stub_log(tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) stub_log(tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) stub_log(tag, __VA_ARGS__)
#define ESP_LOGD(tag, ...) stub_log(tag, __VA_ARGS__)
