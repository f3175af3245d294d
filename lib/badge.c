#include "badge.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { HEIGHT = 20, BASELINE = 14, PADDING = 6, CORNER = 4, FONT = 11, TITLE = 256 };

const char *
badge_colour(double percentile)
{
    static const struct {
        double from;
        const char *colour;
    } colours[] = {
        { 90, "#1a7f37" }, { 75, "#4d7c0f" }, { 50, "#7a6a00" }, { 25, "#9a6700" }, { 0, "#bc4c00" }
    };

    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (percentile >= colours[i].from)
            return colours[i].colour;
    return "#6a737d";
}

/* The length of the character at `text`, which is valid UTF-8. */
static size_t
character(const char *text)
{
    unsigned char first = (unsigned char)*text;

    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* How many bytes the first `max` characters take. */
static size_t
bytes_of(const char *text, size_t max)
{
    const char *at = text;

    for (; *at != '\0' && max > 0; max--)
        at += character(at);
    return (size_t)(at - text);
}

/* Appends a text as XML, cut after `max` characters. XML has no control characters, and neither of
 * the two that end the first plane. */
static void
put_text(struct buf *out, const char *text, size_t max)
{
    size_t length = bytes_of(text, max), size;
    bool cut = text[length] != '\0';

    if (cut)
        length = bytes_of(text, max - 1);
    for (const char *at = text, *end = text + length; at < end; at += size) {
        size = character(at);
        if (*at == '&')
            buf_text(out, "&amp;");
        else if (*at == '<')
            buf_text(out, "&lt;");
        else if (*at == '>')
            buf_text(out, "&gt;");
        else if (*at == '"')
            buf_text(out, "&quot;");
        else if ((*at >= 0 && *at < 0x20) || *at == 0x7f)
            buf_byte(out, ' ');
        else if (strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0)
            buf_text(out, "\xef\xbf\xbd");
        else
            buf_put(out, at, size);
    }
    if (cut)
        buf_text(out, "…");
}

/* How wide a text is in Verdana, in pixels; other fonts are stretched to that. The table has ASCII
 * from the space on, in thousandths of the font's size. */
static size_t
width_of(const char *text)
{
    static const unsigned short widths[] = {
        352,  394, 459, 818, 636, 1076, 727, 269, 454, 454, 636, 818, 364, 454, 364, 454,
        636,  636, 636, 636, 636, 636,  636, 636, 636, 636, 454, 454, 818, 818, 818, 545,
        1000, 684, 686, 698, 771, 632,  575, 775, 751, 421, 455, 693, 557, 843, 748, 787,
        603,  787, 695, 684, 616, 732,  684, 989, 685, 615, 685, 454, 454, 454, 818, 636,
        636,  601, 623, 521, 623, 596,  352, 623, 633, 274, 344, 592, 274, 973, 633, 607,
        623,  623, 427, 521, 394, 633,  592, 818, 592, 592, 525, 635, 454, 635, 818,
    };
    size_t length = bytes_of(text, BADGE_TEXT), size, sum = 0;

    for (const char *at = text; at < text + length; at += size) {
        size = character(at);
        sum += size > 2                   ? 1000
               : size == 2                ? 650
               : *at >= ' ' && *at <= '~' ? widths[*at - ' ']
                                          : widths[0];
    }
    return (sum * FONT + 999) / 1000;
}

static void
put_word(struct buf *out, const char *text, size_t left, size_t width)
{
    buf_format(out, "<text x=\"%zu\" y=\"%d\" textLength=\"%zu\">", left + PADDING, BASELINE,
               width);
    put_text(out, text, BADGE_TEXT);
    buf_text(out, "</text>");
}

void
badge_put(struct buf *out, const struct badge *badge)
{
    size_t label = width_of(badge->label), value = width_of(badge->value);
    size_t middle = label + 2 * PADDING, right = value + 2 * PADDING;

    buf_format(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%d\" "
               "role=\"img\" aria-label=\"",
               middle + right, HEIGHT);
    put_text(out, badge->title, TITLE);
    buf_text(out, "\"><title>");
    put_text(out, badge->title, TITLE);
    buf_format(out,
               "</title><path fill=\"#444d56\" d=\"M%zu 0H%d"
               "a%d %d 0 0 0-%d %dv%da%d %d 0 0 0 %d %dH%zuz\"/>",
               middle, CORNER, CORNER, CORNER, CORNER, CORNER, HEIGHT - 2 * CORNER, CORNER, CORNER,
               CORNER, CORNER, middle);
    buf_format(out,
               "<path fill=\"%s\" d=\"M%zu 0h%zua%d %d 0 0 1 %d %dv%da%d %d 0 0 1-%d %dH%zuz\"/>",
               badge->colour, middle, right - CORNER, CORNER, CORNER, CORNER, CORNER,
               HEIGHT - 2 * CORNER, CORNER, CORNER, CORNER, CORNER, middle);
    buf_format(out,
               "<g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,Geneva,sans-serif\" "
               "font-size=\"%d\">",
               FONT);
    put_word(out, badge->label, 0, label);
    put_word(out, badge->value, middle, value);
    buf_text(out, "</g></svg>\n");
}
