#include "unit.h"

int main(void)
{
    return test_text() + test_json() + test_settings() + test_console() + test_link() + test_policy() + test_frames() +
           test_tcpcam() + test_channel() + test_device() + test_device_anything() + test_device_camera() +
           test_device_console();
}
