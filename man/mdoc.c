#include "config.h"
#include "mdoc.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_MOST 76

/* One word, without meaning to mdoc. `first`: it begins a line. */
static size_t put_word(const char *word, size_t length, bool first)
{
    size_t width = length;
    if (first && (word[0] == '.' || word[0] == '\'')) {
        fputs("\\&", stdout);
        width += 2;
    }
    for (size_t i = 0; i < length; i++)
        switch (word[i]) {
        case '\\':
            width += (size_t)printf("\\e") - 1;
            break;
        case '`':
            width += (size_t)printf("\\(oq") - 1;
            break;
        case '\'':
            width += (size_t)printf("\\(cq") - 1;
            break;
        default:
            putchar(word[i]);
        }
    return width;
}

static bool ends_sentence(const char *word, size_t length)
{
    return length > 1 && (word[length - 1] == '.' || word[length - 1] == '?');
}

/* Wraps text: each sentence from a line of its own. */
void mdoc_text(const char *text)
{
    size_t column = 0;
    while (*(text += strspn(text, " \n")) != '\0') {
        size_t length = strcspn(text, " \n");
        if (column > 0 && column + 1 + length > LINE_MOST) {
            putchar('\n');
            column = 0;
        }
        if (column > 0)
            putchar(' ');
        column += (column > 0) + put_word(text, length, column == 0);
        bool ended = ends_sentence(text, length);
        text += length;
        if (ended) {
            putchar('\n');
            column = 0;
        }
    }
    if (column > 0)
        putchar('\n');
}
