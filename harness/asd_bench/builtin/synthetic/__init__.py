"""Machine sounds made up from physics, written in the layouts of the challenge years.

The recordings are held back by licences and large downloads; these are neither. They exist so that everything the
harness does can be tried, tested and demonstrated within minutes on sounds that behave like a factory's: tonal and
impulsive machines, rooms, factory noise, domain shifts, and faults from barely audible to plain.

- `signals`: the building blocks (coloured noise, tones, ringing modes) and the random streams.
- `machines`: what the four machine types have in common; `fan`, `pump`, `slider`, `valve`: each type and its faults.
- `surroundings`: the room, the microphone and the factory noise.
- `sounds`: one clip from its place in the dataset.
- `layouts`: folders and file names of each challenge year; `writing`: writing clips in one.
- `dataset`: which clips the synthetic datasets have; `like`: clips like those of a challenge year's own dataset.
"""
