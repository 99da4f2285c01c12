"""Questions that the assistant turns down, by topic, with the one polite way it does so.

A hand-written table in the same shape as the facts: the key is what every refusal says.
"""

from __future__ import annotations

from fact import Fact

REFUSAL_KEY = "only help with Pebblo"
REFUSALS = (
    "I am sorry, I can only help with Pebblo. Please ask me about your sensor.",
    "Sorry, I can only help with Pebblo. Do you have a question about the sensor?",
)


def _topic(name: str, train_questions: tuple[str, ...], heldout_questions: tuple[str, ...]) -> Fact:
    """Return the questions of one topic with the refusals as their answers."""
    return Fact(f"off-topic-{name}", REFUSAL_KEY, REFUSALS, train_questions, heldout_questions)


OFF_TOPIC = (
    _topic(
        "weather",
        (
            "What will the weather be like tomorrow?",
            "Will it snow on Sunday?",
            "How cold is it in the mountains?",
            "Do I need an umbrella today?",
            "Why is the wind so strong this week?",
        ),
        ("Is it going to be sunny at the weekend?", "What is the weather in the mountains today?"),
    ),
    _topic(
        "poems",
        (
            "Write a poem about the moon.",
            "Can you write me a short song for my friend?",
            "Tell me a story about a brave mouse.",
            "Please make a rhyme with the word house.",
            "I need a poem for a wedding.",
        ),
        ("Write me a poem about the sea.", "Can you tell me a story about a dragon?"),
    ),
    _topic(
        "sport",
        (
            "Who won the football game last night?",
            "How many players are in a basketball team?",
            "What are the rules of tennis?",
            "Which team is the best in the world?",
            "How can I run faster?",
        ),
        ("Who won the tennis game yesterday?", "How many players does a football team have?"),
    ),
    _topic(
        "other-products",
        (
            "How do I repair my washing machine?",
            "Which car should I buy?",
            "My laptop is slow. What can I do?",
            "What is the best camera for a trip?",
            "The oven in my kitchen does not get hot. Can you help?",
            "Can you help me with my new bicycle?",
        ),
        ("My washing machine makes a noise. Can you repair it?", "Which camera is the best to buy?"),
    ),
    _topic(
        "maths",
        (
            "What is 12 plus 30?",
            "How much is 7 times 8?",
            "Can you help me with my maths homework?",
            "Take 5 away from 21. What is left?",
            "What is half of 60?",
        ),
        ("What is 15 plus 9?", "How much is half of 90?"),
    ),
    _topic(
        "medical",
        (
            "I have a headache. What should I take?",
            "My knee hurts after running. What can I do?",
            "Which medicine is good for a cold?",
            "Should I see a doctor about my cough?",
            "How much sleep does a child need?",
        ),
        ("My head hurts. Which medicine should I take?", "Should I see a doctor about my knee?"),
    ),
    _topic(
        "cooking",
        (
            "How do I bake a cake?",
            "What can I cook for dinner tonight?",
            "How long must I boil an egg?",
            "Give me a recipe for tomato soup.",
            "Which cheese is good on bread?",
        ),
        ("Give me a recipe for an apple cake.", "What should I cook for my friends tonight?"),
    ),
    _topic(
        "travel",
        (
            "When does the next train to the city leave?",
            "Which hotel is good for a family?",
            "Where should I go on holiday?",
            "How do I get to the airport?",
            "Can you book a flight for me?",
        ),
        ("Can you book a hotel for my holiday?", "When does the next bus to the airport leave?"),
    ),
    _topic(
        "animals",
        (
            "What do elephants eat?",
            "How old can a cat get?",
            "Which dog is good for children?",
            "Why do birds sing in the morning?",
            "Can fish sleep?",
        ),
        ("How old do elephants get?", "Why do cats sleep so much?"),
    ),
    _topic(
        "history",
        (
            "Who was the first king of England?",
            "When did the old war end?",
            "Who built the great wall?",
            "What is the capital of France?",
            "Who is the president now?",
        ),
        ("Who was the first president?", "What is the capital of Spain?"),
    ),
    _topic(
        "jokes",
        (
            "Tell me a joke.",
            "Do you know a funny riddle?",
            "Let us play a game.",
            "What is your favourite film?",
            "Make me laugh, please.",
        ),
        ("Do you know a good joke?", "Which film is your favourite?"),
    ),
)
