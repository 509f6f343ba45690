/* Counts the words on its standard input: how many there are, how many differ, and which is the most frequent. */

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16, LONGEST = 64 };

struct word {
    char text[LONGEST];
    unsigned long count;
};

static struct word table[SLOTS];

/* FNV-1a. */
static uint32_t hash(const char *text, size_t length)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        value ^= (unsigned char)text[i];
        value *= 16777619u;
    }
    return value;
}

/* The slot of a word, which is a new one where the word is. */
static struct word *find(const char *text, size_t length)
{
    uint32_t slot = hash(text, length) % SLOTS;
    for (size_t tries = 0; tries < SLOTS; tries++) {
        struct word *word = &table[slot];
        if (word->count == 0)
            memcpy(word->text, text, length);
        if (memcmp(word->text, text, length) == 0 && word->text[length] == '\0')
            return word;
        slot = (slot + 1) % SLOTS;
    }
    fputs("wordcount: too many different words\n", stderr);
    exit(1);
}

int main(void)
{
    static char buffer[1 << 16];
    char text[LONGEST];
    size_t length = 0, read;
    unsigned long words = 0, different = 0;
    const struct word *most = NULL;

    while ((read = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        for (size_t i = 0; i < read; i++) {
            if (!isspace((unsigned char)buffer[i])) {
                if (length < LONGEST - 1)
                    text[length++] = buffer[i];
            } else if (length > 0) {
                struct word *word = find(text, length);
                different += word->count++ == 0;
                if (most == NULL || word->count > most->count)
                    most = word;
                words++;
                length = 0;
            }
        }
    }
    printf("%lu words, %lu different, most of all `%s`\n", words, different, most ? most->text : "");
    return ferror(stdin) != 0;
}
