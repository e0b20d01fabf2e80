"""REINFORCE with a baseline (Williams 1992; Sutton and Barto, section 13.4) balances a pole: `pip install gymnasium`."""

import argparse
from collections import deque

import gymnasium
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical


class PolicyAndValue(nn.Module):
    """The probabilities of the actions, and the return that is expected."""

    def __init__(self, observations, actions, hidden):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(observations, hidden), nn.ReLU())
        self.policy, self.value = nn.Linear(hidden, actions), nn.Linear(hidden, 1)

    def forward(self, observation):
        hidden = self.body(observation)
        return Categorical(logits=self.policy(hidden)), self.value(hidden).squeeze(-1)


def play(environment, model, seed=None):
    """One episode: the log-probability of each action, the value of each state, and the rewards."""
    log_probabilities, values, rewards = [], [], []
    observation, _ = environment.reset(seed=seed)
    over = False
    while not over:
        distribution, value = model(torch.from_numpy(observation))
        action = distribution.sample()
        observation, reward, terminated, truncated, _ = environment.step(action.item())
        over = terminated or truncated
        log_probabilities.append(distribution.log_prob(action))
        values.append(value)
        rewards.append(float(reward))
    return torch.stack(log_probabilities), torch.stack(values), rewards


def discounted(rewards, discount):
    """From each step on, the sum of the rewards that follow."""
    returns, total = deque(), 0.0
    for reward in reversed(rewards):
        total = reward + discount * total
        returns.appendleft(total)
    return torch.tensor(list(returns))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--environment", default="CartPole-v1", help="one with a vector to observe and discrete actions"
    )
    parser.add_argument("--steps", type=int, default=500, help="episodes to learn from, a step each")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--discount", type=float, default=0.99)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="reinforce.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    environment = gymnasium.make(args.environment)
    model = PolicyAndValue(environment.observation_space.shape[0], environment.action_space.n, args.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses, average = [], 10.0
    for episode in range(1, args.steps + 1):
        log_probabilities, values, rewards = play(environment, model, args.seed if episode == 1 else None)
        returns = discounted(rewards, args.discount)
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
        advantages = returns - values.detach()
        loss = -(log_probabilities * advantages).sum() + F.smooth_l1_loss(values, returns, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        average = 0.95 * average + 0.05 * sum(rewards)
        if episode % 20 == 0:
            print(f"episode {episode}  reward {sum(rewards):.0f}  average {average:.1f}")
        if environment.spec.reward_threshold and average > environment.spec.reward_threshold:
            print(f"solved after {episode} episodes: the average reward is {average:.1f}")
            break
    torch.save(model.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
